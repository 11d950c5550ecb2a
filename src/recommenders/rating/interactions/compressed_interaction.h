// xDeepFM's compressed interaction network (CIN).
#pragma once

#include "recommenders/rating/interactions/interaction.h"

namespace llama4rec::recommenders {

/// Lian et al., xDeepFM, KDD 2018, eq. 6-8. With X^0 [fields, dimension] and every product of rows elementwise,
///   X^l_h = relu(sum over i, j of W^l_{h,ij} X^{l-1}_i * X^0_j + b^l_h),
/// the output is linear in the sums over the dimension of the maps. With `split_half` only the first half of a layer's maps goes to
/// the next layer and the second half to the output; the last layer goes to the output whole. Without it, all do both.
/// Parameters cin.weight.N [maps, inputs * fields], cin.bias.N [maps], cin.output [maps that go to the output].
class CompressedInteraction final : public Interaction {
 public:
  CompressedInteraction(const ModelShape& shape, const std::vector<std::int64_t>& maps, bool split_half,
                        double initial_deviation, ParameterLayout& layout);
  void forward(const Slice& slice) override;
  void backward(const Slice& slice) override;
  [[nodiscard]] torch::Tensor plain(const PlainBatch& batch) const override;

 private:
  struct Layer {
    std::int64_t inputs = 0;  ///< rows of X^{l-1}
    std::int64_t maps = 0;
    std::int64_t first_direct = 0;  ///< the maps from here on go to the output
    std::int64_t weight = 0;        ///< offsets in the flat buffer
    std::int64_t bias = 0;
    std::int64_t output = 0;      ///< of this layer's first map in cin.output
    std::vector<float> values;    ///< X^l, [maps, dimension * width]
    std::vector<float> gradient;  ///< the same shape
  };
  /// The first layer's products are symmetric: X_i * X_j once for i <= j, with the sum of both weights.
  [[nodiscard]] bool symmetric(std::size_t layer) const { return layer == 0; }
  [[nodiscard]] std::int64_t products(std::size_t layer) const;
  void fold_weights(const Slice& slice);
  void fill_products(const Slice& slice, std::size_t layer, std::int64_t begin, std::int64_t count);
  void add_product_gradient(const Slice& slice, std::size_t layer, std::int64_t begin, std::int64_t count);

  ModelShape shape_;
  std::vector<Layer> layers_;
  std::vector<float> folded_;  ///< the first layer's weights by pairs, [maps, fields (fields + 1) / 2]
  std::vector<float> folded_gradient_;
  std::vector<float> products_;  ///< of some columns
  std::vector<float> product_gradient_;
};

}  // namespace llama4rec::recommenders
