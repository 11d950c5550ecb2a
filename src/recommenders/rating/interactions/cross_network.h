// DCN's cross layers: explicit crosses of bounded degree.
#pragma once

#include "recommenders/rating/interactions/interaction.h"

namespace llama4rec::recommenders {

/// What multiplies the input in a cross layer.
enum class CrossForm {
  kVector,  ///< x' = x_0 (w . x) + b + x (Wang et al., Deep & Cross Network, ADKDD 2017, eq. 3)
  kMatrix,  ///< x' = x_0 * (W x + b) + x, elementwise (Wang et al., DCN V2, WWW 2021, eq. 1)
};

/// Cross layers over all embeddings side by side, x_0 [fields * dimension], then a linear map to one output. Parameters
/// cross.weight.N ([inputs] or [inputs, inputs]), cross.bias.N [inputs], cross.output [inputs].
class CrossNetwork final : public Interaction {
 public:
  CrossNetwork(const ModelShape& shape, CrossForm form, std::int64_t layers, double initial_deviation,
               ParameterLayout& layout);
  void forward(const Slice& slice) override;
  void backward(const Slice& slice) override;
  [[nodiscard]] torch::Tensor plain(const PlainBatch& batch) const override;

 private:
  struct Layer {
    std::int64_t weight = 0;  ///< offsets in the flat buffer
    std::int64_t bias = 0;
    std::vector<float> factors;  ///< what x_0 is multiplied with: [width], or [inputs, width]
    std::vector<float> values;   ///< x', [inputs, width]
  };
  void cross_vector(const Slice& slice, Layer& layer, const float* input) const;
  void cross_matrix(const Slice& slice, Layer& layer, const float* input) const;
  void vector_gradient(const Slice& slice, const Layer& layer, const float* input);
  void matrix_gradient(const Slice& slice, const Layer& layer, const float* input);

  std::int64_t inputs_;
  CrossForm form_;
  std::vector<Layer> layers_;
  std::int64_t output_ = 0;
  std::vector<float> gradient_;         ///< with respect to x of the layer at hand, [inputs, width]
  std::vector<float> factor_gradient_;  ///< [inputs, width]
};

}  // namespace llama4rec::recommenders
