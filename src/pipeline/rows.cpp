#include "pipeline/rows.h"

#include <algorithm>
#include <numeric>

#include <llama4rec/error.h>

#include "aggregation/fusion.h"
#include "evaluation/ranking.h"

namespace llama4rec::pipeline {
namespace {

using Lists = std::vector<std::vector<ItemIndex>>;

/// Makes rows of one seed.
class RowMaker {
 public:
  explicit RowMaker(const RunSetup& setup)
      : setup_(setup),
        cutoffs_(evaluation::integer_cutoffs(setup.evaluation)),
        options_(setup.configuration.read<aggregation::AggregationOptions>()),
        scale_(training_counts(setup)) {}

  /// A row of lists over a backbone's test users.
  SeedRow of_lists(const std::string& name, const std::string& title, const PhaseRanking& test,
                   const Lists& lists) const {
    SeedRow row{.name = name, .title = title};
    row.test = evaluation::top_k_metrics(lists, test.targets, cutoffs_);
    return row;
  }

  /// The language model's order alone; the method that is best on validation.
  SeedRow language_model_alone(const std::string& name, const std::string& title,
                               const BackboneRanking& backbone) const {
    std::string best;
    double best_value = -1;
    for (const auto& [method, orders] : backbone.validation.language_model) {
      const auto values =
          evaluation::top_k_metrics(ordered(backbone.validation, orders), backbone.validation.targets, cutoffs_);
      const double value = evaluation::means(values).at(options_.metric);
      if (value <= best_value) continue;
      best_value = value;
      best = method;
    }
    SeedRow row = of_lists(name, title, backbone.test, ordered(backbone.test, backbone.test.language_model.at(best)));
    row.method = best;
    row.validation = best_value;
    return row;
  }

  [[nodiscard]] aggregation::WeightChoice choose(const PhaseRanking& validation,
                                                 const std::vector<CandidateOrder>& orders) const {
    std::vector<aggregation::RankingCase> cases;
    for (std::size_t n = 0; n < validation.users.size(); ++n) {
      const auto& candidates = validation.candidates[n];
      const auto place = std::find(candidates.begin(), candidates.end(), validation.targets[n]);
      cases.push_back({.language_model_order = orders[n],
                       .target = place == candidates.end() ? -1 : place - candidates.begin(),
                       .interactions = interactions(validation.users[n])});
    }
    return aggregation::choose_weights(cases, scale_, options_);
  }

  /// Eq. 4-6 with the weights chosen on validation.
  SeedRow fused(const std::string& name, const std::string& title, const BackboneRanking& backbone,
                const std::vector<CandidateOrder>& validation_orders,
                const std::vector<CandidateOrder>& test_orders) const {
    const aggregation::WeightChoice choice = choose(backbone.validation, validation_orders);
    SeedRow row = of_lists(name, title, backbone.test, fuse(backbone.test, test_orders, choice.weights(scale_)));
    row.a1 = choice.best.a1;
    row.a2 = choice.best.a2;
    row.validation = choice.best.value;
    return row;
  }

  SeedRow constant(const std::string& name, const std::string& title, const BackboneRanking& backbone,
                   const std::vector<CandidateOrder>& orders, double weight, double validation) const {
    // a1 = a2 = w is the constant weight w.
    SeedRow row = of_lists(name, title, backbone.test,
                           fuse(backbone.test, orders, aggregation::AdaptiveWeights(scale_, weight, weight)));
    row.weight = weight;
    row.validation = validation;
    return row;
  }

  /// The candidates in the order that puts the target first: H@k of the candidate list, the ceiling of any order.
  SeedRow oracle(const std::string& name, const std::string& title, const PhaseRanking& test) const {
    Lists lists = test.candidates;
    for (std::size_t n = 0; n < lists.size(); ++n) {
      const auto place = std::find(lists[n].begin(), lists[n].end(), test.targets[n]);
      if (place != lists[n].end()) std::rotate(lists[n].begin(), place, place + 1);
    }
    return of_lists(name, title, test, lists);
  }

  [[nodiscard]] Lists fuse(const PhaseRanking& phase, const std::vector<CandidateOrder>& orders,
                           const aggregation::AdaptiveWeights& weights) const {
    std::vector<CandidateOrder> fused;
    for (std::size_t n = 0; n < phase.users.size(); ++n) {
      fused.push_back(aggregation::fuse_positions(orders[n], weights.of(interactions(phase.users[n]))));
    }
    return ordered(phase, fused);
  }

  [[nodiscard]] std::int64_t interactions(UserIndex user) const {
    return static_cast<std::int64_t>(setup_.direct.train(user).size());
  }
  [[nodiscard]] const aggregation::LongTailScale& scale() const { return scale_; }

  static Lists ordered(const PhaseRanking& phase, const std::vector<CandidateOrder>& orders) {
    Lists lists;
    for (std::size_t n = 0; n < orders.size(); ++n) {
      auto& list = lists.emplace_back();
      for (const std::int64_t position : orders[n])
        list.push_back(phase.candidates[n][static_cast<std::size_t>(position)]);
    }
    return lists;
  }

 private:
  static aggregation::LongTailScale training_counts(const RunSetup& setup) {
    std::vector<std::int64_t> counts;
    for (UserIndex user = 0; user < setup.dataset().users(); ++user) {
      counts.push_back(static_cast<std::int64_t>(setup.direct.train(user).size()));
    }
    return aggregation::LongTailScale(counts);
  }

  const RunSetup& setup_;
  std::vector<std::int64_t> cutoffs_;
  aggregation::AggregationOptions options_;
  aggregation::LongTailScale scale_;
};

/// Keeps the users whose target training knows (evaluation.users: warm).
void keep_warm(PhaseRanking& phase) {
  std::vector<std::size_t> kept;
  for (std::size_t n = 0; n < phase.users.size(); ++n) {
    if (phase.targets[n] >= 0) kept.push_back(n);
  }
  const auto pick = [&](auto& values) {
    for (std::size_t n = 0; n < kept.size(); ++n) values[n] = values[kept[n]];
    values.resize(kept.size());
  };
  pick(phase.users);
  pick(phase.targets);
  pick(phase.candidates);
  for (auto& [name, orders] : phase.language_model) pick(orders);
  for (auto& [name, orders] : phase.controls) pick(orders);
}

}  // namespace

SeedRows make_rows(const RunSetup& setup, const SeedOutcome& given) {
  SeedOutcome outcome = given;
  if (setup.evaluation.warm_only()) {
    for (PhaseRanking* phase :
         {&outcome.base.validation, &outcome.base.test, &outcome.refit.validation, &outcome.refit.test}) {
      keep_warm(*phase);
    }
    for (auto& [name, phase] : outcome.refit_controls) keep_warm(phase);
  }
  const RowMaker make(setup);
  const BackboneRanking& base = outcome.base;
  const BackboneRanking& refit = outcome.refit;
  SeedRows result{.users = refit.test.users};

  // The method: every choice below is made on validation.
  std::string best_method;
  std::vector<SeedRow> by_method;
  for (const auto& [method, orders] : refit.validation.language_model) {
    aggregation::WeightChoice choice = make.choose(refit.validation, orders);
    SeedRow row =
        make.fused("llama4rec: " + method, "Llama4Rec, " + method, refit, orders, refit.test.language_model.at(method));
    row.method = method;
    if (best_method.empty() || choice.best.value > result.choice.best.value) {
      best_method = method;
      result.choice = std::move(choice);
    }
    by_method.push_back(std::move(row));
  }
  const auto& best_orders = refit.test.language_model.at(best_method);
  const aggregation::AdaptiveWeights weights = result.choice.weights(make.scale());
  result.llama4rec_lists = make.fuse(refit.test, best_orders, weights);
  for (const UserIndex user : refit.test.users) result.weights.push_back(weights.of(make.interactions(user)));

  auto& rows = result.rows;
  rows.push_back(make.of_lists("base", "Base", base.test, base.test.candidates));
  rows.push_back(make.language_model_alone("ift", "IFT", base));
  rows.push_back(make.of_lists("llama4rec", "Llama4Rec", refit.test, result.llama4rec_lists));
  rows.back().method = best_method;
  rows.back().a1 = result.choice.best.a1;
  rows.back().a2 = result.choice.best.a2;
  rows.back().validation = result.choice.best.value;

  rows.push_back(make.of_lists("refit", "Backbone refit on augmented data", refit.test, refit.test.candidates));
  rows.push_back(make.language_model_alone("llm on refit", "LLM alone, augmented prompts", refit));
  rows.push_back(
      make.constant("uniform", "Uniform aggregation (a = 0.5)", refit, best_orders, 0.5, result.choice.uniform));
  rows.push_back(make.constant("best constant", "Best constant weight", refit, best_orders,
                               result.choice.best_constant.weight, result.choice.best_constant.value));
  for (SeedRow& row : by_method) rows.push_back(std::move(row));
  SeedRow unaugmented;
  for (const auto& [method, orders] : base.validation.language_model) {
    SeedRow row = make.fused("base + ift", "Base and IFT fused, no augmentation", base, orders,
                             base.test.language_model.at(method));
    row.method = method;
    if (unaugmented.name.empty() || row.validation > unaugmented.validation) unaugmented = std::move(row);
  }
  rows.push_back(std::move(unaugmented));
  for (const auto& [name, orders] : refit.validation.controls) {
    rows.push_back(
        make.fused("fusion: " + name, "Control: fusion with " + name, refit, orders, refit.test.controls.at(name)));
  }
  for (const auto& [name, phase] : outcome.refit_controls) {
    rows.push_back(make.of_lists("refit: " + name, "Control: backbone refit on " + name, phase, phase.candidates));
  }
  rows.push_back(make.oracle("oracle", "Ceiling: best order of the candidates", refit.test));
  return result;
}

}  // namespace llama4rec::pipeline
