// The encoder of sequence_encoder.h with explicit gradients over packed sequences, on buffers that are kept between calls.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "recommenders/panel_product.h"
#include "recommenders/sequential/encoder_shape.h"
#include "recommenders/sequential/fast_attention.h"
#include "recommenders/sequential/packed_sequences.h"
#include "recommenders/sequential/row_kernels.h"
#include "tensor/dropout.h"

namespace llama4rec::recommenders {

/// Where the weights of a linear map and its bias begin.
struct LinearPlace {
  std::int64_t weight = 0;  ///< [outputs, inputs]
  std::int64_t bias = 0;    ///< [outputs]
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
};

/// Where a layer's weights begin.
struct LayerPlaces {
  std::int64_t attention_norm = 0;
  std::int64_t attention_norm_bias = 0;
  std::int64_t inner_norm = 0;
  std::int64_t inner_norm_bias = 0;
  LinearPlace joint;  ///< queries, keys, values
  LinearPlace output;
  LinearPlace inner;
  LinearPlace outer;
};

/// An encoder's weights at one step, made ready for products; read by all threads.
class FastEncoderWeights {
 public:
  explicit FastEncoderWeights(const EncoderShape& shape);
  /// `values` [weight_count(shape)] stay where they are until the next call.
  void prepare(const float* values);

  struct Linear {
    Panels forward;   ///< the transposed weight
    Panels backward;  ///< the weight
  };
  struct Layer {
    LayerPlaces places;
    Linear joint;
    Linear output;
    Linear inner;
    Linear outer;
  };
  [[nodiscard]] const EncoderShape& shape() const { return shape_; }
  [[nodiscard]] const std::vector<Layer>& layers() const { return layers_; }
  [[nodiscard]] const float* at(std::int64_t place) const { return values_ + place; }
  /// The items' embeddings, [items + 1, dimension], begin at place 0.
  [[nodiscard]] std::int64_t positions() const { return positions_; }
  [[nodiscard]] std::int64_t norm() const { return norm_; }
  [[nodiscard]] std::int64_t norm_bias() const { return norm_bias_; }

 private:
  EncoderShape shape_;
  const float* values_ = nullptr;
  std::vector<Layer> layers_;
  std::int64_t positions_ = 0;
  std::int64_t norm_ = 0;
  std::int64_t norm_bias_ = 0;
};

/// The masks of a batch: sequence_encoder.h's, by place.
std::vector<tensor::Dropout> encoder_dropouts(const EncoderShape& shape, std::uint64_t seed);

/// One pass forth and back; one object per thread.
class FastEncoderPass {
 public:
  /// States of the asked tokens behind the last norm, [asked, dimension]; valid until the next call. `dropouts`: null for none; it and `pack`
  /// live until `backward` has run. In the last layer only the asked tokens go beyond keys and values.
  const float* forward(const FastEncoderWeights& weights, const SequencePack& pack,
                       const std::vector<tensor::Dropout>* dropouts);
  /// From the slopes of those states adds the gradient of all weights to `gradient`.
  void backward(const FastEncoderWeights& weights, const SequencePack& pack,
                const std::vector<tensor::Dropout>* dropouts, const float* slopes, float* gradient);

 private:
  /// What a layer keeps for the way back.
  struct Kept {
    std::vector<float> input;  ///< [tokens, d]
    std::vector<RowMoments> input_moments;
    std::vector<float> normal;    ///< [tokens, d]
    std::vector<float> joint;     ///< [tokens, 3 d]
    std::vector<float> shares;    ///< of the attention
    std::vector<float> attended;  ///< [rows, d]; rows: the asked tokens in the last layer, all in the others
    std::vector<float> middle;    ///< [rows, d]
    std::vector<RowMoments> middle_moments;
    std::vector<float> inner_normal;  ///< [rows, d]
    std::vector<float> inner;         ///< [rows, inner], before gelu
    std::vector<float> active;        ///< [rows, inner], behind it
  };
  void embed(const FastEncoderWeights& weights, const SequencePack& pack, const tensor::Dropout* dropout, float* to);
  void forward_layer(const FastEncoderWeights& weights, std::size_t number, const SequencePack& pack,
                     const std::vector<tensor::Dropout>* dropouts, std::vector<float>& to);
  void backward_layer(const FastEncoderWeights& weights, std::size_t number, const SequencePack& pack,
                      const std::vector<tensor::Dropout>* dropouts, float* gradient);
  void linear_backward(const LinearPlace& place, const Panels& backward, const float* input, const float* slopes,
                       std::int64_t rows, float* to, float* gradient);
  [[nodiscard]] AttentionQueries queries(const FastEncoderWeights& weights, std::size_t layer,
                                         const SequencePack& pack) const;

  FastAttention attention_;
  std::vector<Kept> kept_;
  std::vector<std::int32_t> every_;  ///< 0, 1, 2, ...
  std::vector<float> last_;          ///< behind the layers, [asked, d]
  std::vector<RowMoments> last_moments_;
  std::vector<float> states_;  ///< [asked, d]
  Panels panels_;
  std::vector<float> factors_;  ///< of a row
  std::vector<float> slopes_;   ///< of what a layer returns; then of what it takes
  std::vector<float> narrow_;   ///< [rows, d]
  std::vector<float> wide_;     ///< [rows, inner]
  std::vector<float> joint_;    ///< [tokens, 3 d]
  std::vector<float> other_;    ///< [tokens, d]
};

}  // namespace llama4rec::recommenders
