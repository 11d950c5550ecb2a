// The transformer over items that sequence models share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "recommenders/sequential/encoder_shape.h"
#include "recommenders/sequential/sequence_batches.h"
#include "recommenders/sequential/sequence_lesson.h"
#include "recommenders/training_state.h"
#include "tensor/torch.h"

namespace llama4rec::recommenders {

/// Embeddings of items and positions, counted from the end of a sequence, then layers of
///   x + dropout(attention(norm(x)))  and  x + dropout(W2 gelu(W1 norm(x)))
/// with inner size expansion * dimension, gelu in its form with tanh, and a last norm (the pre-norm form of Vaswani et al. 2017; Kang and McAuley, SASRec, ICDM 2018). All weights are
/// one buffer, so that one optimiser pass updates them.
class SequenceEncoder {
 public:
  /// Fresh weights: normal with deviation 0.02, norms 1, biases 0; a function of the seed.
  SequenceEncoder(const EncoderShape& shape, std::uint64_t seed, torch::Device device);

  [[nodiscard]] const EncoderShape& shape() const { return shape_; }
  [[nodiscard]] std::int64_t mask_item() const { return shape_.items; }
  [[nodiscard]] torch::Device device() const { return weights_.device(); }

  /// States [batch, length, dimension] behind the last norm; zero where nothing is present. `dropout_seed`: the masks of training; none: no
  /// dropout. The batch's length is at most the shape's. `first_row`: where the batch begins in the one that the masks are drawn for.
  [[nodiscard]] torch::Tensor states(const SequenceBatch& batch, Sight sight, std::optional<std::uint64_t> dropout_seed,
                                     std::int64_t first_row = 0) const;
  /// The items' embeddings [items, dimension], which are the output weights as well.
  [[nodiscard]] torch::Tensor item_embeddings() const { return part("items").narrow(0, 0, shape_.items); }

  /// All weights, and their gradient, each one vector.
  [[nodiscard]] torch::Tensor& weights() { return weights_; }
  [[nodiscard]] const torch::Tensor& weights() const { return weights_; }
  [[nodiscard]] torch::Tensor& gradient() { return gradient_; }

 private:
  [[nodiscard]] const torch::Tensor& part(const std::string& name) const;
  /// Whose masks a pass takes.
  struct Masks {
    std::optional<std::uint64_t> seed;  ///< none: no dropout
    std::int64_t first_row = 0;
  };
  [[nodiscard]] torch::Tensor layer(const torch::Tensor& x, std::int64_t number, const torch::Tensor& hidden,
                                    const Masks& masks) const;
  [[nodiscard]] torch::Tensor dropped(const torch::Tensor& x, const Masks& masks, std::uint64_t place) const;

  EncoderShape shape_;
  torch::Tensor weights_;
  torch::Tensor gradient_;
  std::vector<std::pair<std::string, torch::Tensor>> parts_;  ///< views of the weights with views of the gradient
};

}  // namespace llama4rec::recommenders
