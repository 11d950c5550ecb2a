// The contrastive loss between two views of the same nodes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace llama4rec::recommenders {

/// InfoNCE over a set of n nodes (Wu et al., SGL, SIGIR 2021, eq. 10, as a mean over the nodes): with z the embeddings of a view at length 1,
///   1/n * sum over a of -ln [ exp(z1_a . z2_a / t) / sum over b of exp(z1_a . z2_b / t) ].
/// Results do not depend on the number of threads; memory is 8 n x dimension values and tiles.
class InfoNce {
 public:
  /// `temperature` t is at least 0.03, so that no sum of exponentials vanishes.
  InfoNce(std::int64_t stride, double temperature) : stride_(stride), temperature_(temperature) {}

  /// Views and gradients are [nodes, stride], stride in whole lanes. Returns the loss over `rows` and adds `weight` times its
  /// gradient to the rows of `gradient1` and `gradient2`. A row of length zero has no direction: it counts as zero vector and gets no
  /// gradient.
  double add(std::span<const std::int32_t> rows, const float* view1, const float* view2, double weight,
             float* gradient1, float* gradient2);

 private:
  std::int64_t stride_;
  double temperature_;
  std::vector<float> unit1_;               ///< z1, [n, stride]
  std::vector<float> unit2_;               ///< z2, [n, stride]
  std::vector<float> inverse1_;            ///< 1 / length, [n]
  std::vector<float> inverse2_;            ///< likewise
  std::vector<float> slope1_;              ///< gradient with respect to z1, [n, stride]
  std::vector<float> partial2_;            ///< gradient with respect to z2 by group of rows, [groups, n, stride]
  std::vector<double> losses_;             ///< by group
  std::vector<std::vector<float>> tiles_;  ///< by group, [tile, n]
};

}  // namespace llama4rec::recommenders
