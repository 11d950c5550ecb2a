// A learned gate: the weight of each user from features, in the place of eq. 6. Beyond the paper, behind the same fusion.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "aggregation/fusion.h"
#include "aggregation/grid.h"
#include "aggregation/long_tail.h"

namespace llama4rec::aggregation {

/// What the gate knows of a user: 1, the place in the long tail in [0, 1], how far the two orders agree (Spearman's correlation), whether
/// both put the same candidate first, how deep in the backbone's order the language model's first candidate stands, in [0, 1].
inline constexpr std::size_t kGateFeatures = 5;
using GateFeatures = std::array<double, kGateFeatures>;
GateFeatures gate_features(std::span<const std::int64_t> language_model_order, std::int64_t interactions,
                           const LongTailScale& scale);

/// Weight of the backbone: sigmoid(coefficients . features).
class Gate {
 public:
  Gate() : coefficients_{} {}
  explicit Gate(const GateFeatures& coefficients) : coefficients_(coefficients) {}
  [[nodiscard]] double weight(const GateFeatures& features) const;
  [[nodiscard]] const GateFeatures& coefficients() const { return coefficients_; }

 private:
  GateFeatures coefficients_;
};

/// Mean over the cases whose target is among the candidates of -ln softmax(fused utilities)[target], plus penalty / 2 * |coefficients but the
/// first|^2; `gradient` may be null.
double gate_loss(const Gate& gate, std::span<const RankingCase> cases, const LongTailScale& scale,
                 GateFeatures* gradient = nullptr);

/// Minimises it by gradient descent from zero (the weight 0.5 for everybody). Without any target among candidates: that start.
Gate fit_gate(std::span<const RankingCase> cases, const LongTailScale& scale);

/// The weight of each case from a gate that was fit without its fold: case n belongs to the fold groups[n] % 5. What the gate is worth on the data
/// that it is fit to.
std::vector<double> cross_fitted_weights(std::span<const RankingCase> cases, std::span<const std::int64_t> groups,
                                         const LongTailScale& scale);

}  // namespace llama4rec::aggregation
