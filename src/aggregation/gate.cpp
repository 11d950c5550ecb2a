#include "aggregation/gate.h"

#include <algorithm>
#include <cmath>

#include <llama4rec/error.h>

namespace llama4rec::aggregation {
namespace {

constexpr double kPenalty = 0.02;
constexpr double kRate = 0.5;
constexpr int kSteps = 400;
constexpr std::int64_t kFolds = 5;

/// A case as the loss needs it.
struct Prepared {
  GateFeatures features{};
  std::vector<double> conventional;  ///< utilities by candidate
  std::vector<double> language_model;
  std::size_t target = 0;
};

std::vector<Prepared> prepare(std::span<const RankingCase> cases, const LongTailScale& scale) {
  std::vector<Prepared> prepared;
  for (const auto& it : cases) {
    if (it.target < 0) continue;
    const std::size_t count = it.language_model_order.size();
    Prepared one{.features = gate_features(it.language_model_order, it.interactions, scale),
                 .conventional = std::vector<double>(count),
                 .language_model = std::vector<double>(count),
                 .target = static_cast<std::size_t>(it.target)};
    for (std::size_t rank = 0; rank < count; ++rank) {
      one.conventional[rank] = -static_cast<double>(rank + 1);
      one.language_model[static_cast<std::size_t>(it.language_model_order[rank])] = -static_cast<double>(rank + 1);
    }
    prepared.push_back(std::move(one));
  }
  return prepared;
}

double loss_of(const Gate& gate, const std::vector<Prepared>& cases, GateFeatures* gradient) {
  if (gradient != nullptr) gradient->fill(0);
  double loss = 0;
  std::vector<double> shares;
  for (const auto& it : cases) {
    const double weight = gate.weight(it.features);
    shares.resize(it.conventional.size());
    double most = -1e300;
    for (std::size_t n = 0; n < shares.size(); ++n) {
      shares[n] = weight * it.conventional[n] + (1 - weight) * it.language_model[n];
      most = std::max(most, shares[n]);
    }
    double sum = 0;
    const double target = shares[it.target] - most;
    for (double& share : shares) sum += share = std::exp(share - most);
    loss += std::log(sum) - target;
    if (gradient == nullptr) continue;
    double slope = 0;
    for (std::size_t n = 0; n < shares.size(); ++n) {
      slope += (shares[n] / sum - (n == it.target ? 1 : 0)) * (it.conventional[n] - it.language_model[n]);
    }
    slope *= weight * (1 - weight);
    for (std::size_t f = 0; f < kGateFeatures; ++f) (*gradient)[f] += slope * it.features[f];
  }
  const double count = std::max<double>(1, static_cast<double>(cases.size()));
  loss /= count;
  if (gradient != nullptr) {
    for (double& it : *gradient) it /= count;
  }
  for (std::size_t f = 1; f < kGateFeatures; ++f) {
    const double coefficient = gate.coefficients()[f];
    loss += kPenalty / 2 * coefficient * coefficient;
    if (gradient != nullptr) (*gradient)[f] += kPenalty * coefficient;
  }
  return loss;
}

Gate fit(const std::vector<Prepared>& cases) {
  GateFeatures coefficients{};
  if (cases.empty()) return Gate(coefficients);
  GateFeatures gradient{};
  for (int step = 0; step < kSteps; ++step) {
    loss_of(Gate(coefficients), cases, &gradient);
    for (std::size_t f = 0; f < kGateFeatures; ++f) coefficients[f] -= kRate * gradient[f];
  }
  return Gate(coefficients);
}

}  // namespace

GateFeatures gate_features(std::span<const std::int64_t> order, std::int64_t interactions, const LongTailScale& scale) {
  const auto count = static_cast<double>(order.size());
  const double range = scale.maximum() - scale.minimum();
  const double place =
      range > 0 ? std::clamp((long_tail_coefficient(interactions) - scale.minimum()) / range, 0.0, 1.0) : 1;
  double squares = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const auto difference = static_cast<double>(order[rank]) - static_cast<double>(rank);
    squares += difference * difference;
  }
  const double agreement = order.size() < 2 ? 1 : 1 - 6 * squares / (count * (count * count - 1));
  const bool same_first = order.empty() || order.front() == 0;
  const double depth = order.size() < 2 ? 0 : static_cast<double>(order.front()) / (count - 1);
  return {1, place, agreement, same_first ? 1.0 : 0.0, depth};
}

double Gate::weight(const GateFeatures& features) const {
  double sum = 0;
  for (std::size_t f = 0; f < kGateFeatures; ++f) sum += coefficients_[f] * features[f];
  return 1 / (1 + std::exp(-std::clamp(sum, -30.0, 30.0)));
}

double gate_loss(const Gate& gate, std::span<const RankingCase> cases, const LongTailScale& scale,
                 GateFeatures* gradient) {
  return loss_of(gate, prepare(cases, scale), gradient);
}

Gate fit_gate(std::span<const RankingCase> cases, const LongTailScale& scale) { return fit(prepare(cases, scale)); }

std::vector<double> cross_fitted_weights(std::span<const RankingCase> cases, std::span<const std::int64_t> groups,
                                         const LongTailScale& scale) {
  if (groups.size() != cases.size()) throw InternalError("gate: cases and groups of different numbers");
  std::vector<double> weights(cases.size());
  for (std::int64_t fold = 0; fold < kFolds; ++fold) {
    std::vector<RankingCase> others;
    for (std::size_t n = 0; n < cases.size(); ++n) {
      if (groups[n] % kFolds != fold) others.push_back(cases[n]);
    }
    const Gate gate = fit_gate(others, scale);
    for (std::size_t n = 0; n < cases.size(); ++n) {
      if (groups[n] % kFolds != fold) continue;
      weights[n] = gate.weight(gate_features(cases[n].language_model_order, cases[n].interactions, scale));
    }
  }
  return weights;
}

}  // namespace llama4rec::aggregation
