#include "pipeline/rows.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "aggregation/fusion.h"
#include "aggregation/gate.h"
#include "evaluation/ranking.h"

namespace llama4rec::pipeline {
namespace {

using Lists = std::vector<std::vector<ItemIndex>>;

/// One of a seed's backbones, such as &SeedOutcome::refit.
using Backbone = std::function<const BackboneRanking&(const SeedOutcome&)>;
using Values = std::vector<std::vector<double>>;  ///< by user and candidate

/// What is fused with a backbone's order: another order of the same candidates, and how sure it is.
struct Opinion {
  std::function<const std::vector<CandidateOrder>&(const PhaseRanking&)> orders;
  std::function<const Values&(const PhaseRanking&)> values;  ///< empty where it tells positions alone
};

/// The language model's by one of the ranking methods; the one by the first place has probabilities.
Opinion by_method(const std::string& method) {
  static const Values none;
  Opinion opinion;
  opinion.orders = [method](const PhaseRanking& phase) -> const std::vector<CandidateOrder>& {
    return phase.language_model.at(method);
  };
  opinion.values = [method](const PhaseRanking& phase) -> const Values& {
    return method == "first" ? phase.log_probabilities : none;
  };
  return opinion;
}

/// A control's in its place.
Opinion by_control(const std::string& name) {
  Opinion opinion;
  opinion.orders = [name](const PhaseRanking& phase) -> const std::vector<CandidateOrder>& {
    return phase.controls.at(name).orders;
  };
  opinion.values = [name](const PhaseRanking& phase) -> const Values& { return phase.controls.at(name).scores; };
  return opinion;
}

std::string name_of(aggregation::Utility utility) {
  switch (utility) {
    case aggregation::Utility::kPosition:
      return "position";
    case aggregation::Utility::kReciprocal:
      return "reciprocal";
    case aggregation::Utility::kProbability:
      return "probability";
    case aggregation::Utility::kScore:
      return "score";
  }
  throw InternalError("no such utility");
}

/// What a row fuses and with which weights, the same for all seeds.
struct Fusion {
  Backbone backbone = &SeedOutcome::refit;
  Opinion opinion;
  std::string method;
  aggregation::WeightChoice choice;
  aggregation::Utility utility = aggregation::Utility::kPosition;
  bool data_augmented = true;
  bool prompts_augmented = true;
};

/// Chooses over all seeds and makes rows seed by seed.
class RowMaker {
 public:
  RowMaker(const RunSetup& setup, const std::vector<SeedOutcome>& outcomes)
      : setup_(setup),
        outcomes_(outcomes),
        cutoffs_(evaluation::integer_cutoffs(setup.evaluation)),
        options_(setup.configuration.read<aggregation::AggregationOptions>()),
        scale_(training_counts(setup)) {
    for (const SeedOutcome& outcome : outcomes) rows_.seeds.push_back({.users = outcome.refit.test.users});
  }

  /// A backbone's own order.
  void add_backbone(const std::string& name, const std::string& title, const Backbone& backbone) {
    for_each_seed([&](const SeedOutcome& outcome, SeedRows& seed) {
      const auto& [validation, test] = backbone(outcome);
      seed.rows.push_back(measured(name, title, test, test.candidates));
      seed.rows.back().validation = metric_of(validation, validation.candidates);
    });
  }

  /// The language model's order alone, by the ranking method that is best on validation.
  void add_language_model_alone(const std::string& name, const std::string& title, const Backbone& backbone) {
    std::string best;
    double best_value = -1;
    for (const std::string& method : methods(backbone)) {
      double value = 0;
      for (const SeedOutcome& outcome : outcomes_) value += alone(backbone(outcome), method);
      if (value <= best_value) continue;
      best_value = value;
      best = method;
    }
    for_each_seed([&](const SeedOutcome& outcome, SeedRows& seed) {
      const PhaseRanking& test = backbone(outcome).test;
      seed.rows.push_back(measured(name, title, test, ordered(test, test.language_model.at(best))));
      seed.rows.back().method = best;
      seed.rows.back().validation = alone(backbone(outcome), best);
    });
  }

  /// Whether an opinion on a backbone's candidates can be fused by such utilities.
  [[nodiscard]] bool tells(const Backbone& backbone, const Opinion& opinion, aggregation::Utility utility) const {
    using enum aggregation::Utility;
    if (utility != kProbability && utility != kScore) return true;
    return std::all_of(outcomes_.begin(), outcomes_.end(), [&](const SeedOutcome& outcome) {
      const auto& [validation, test] = backbone(outcome);
      if (opinion.values(validation).empty() || opinion.values(test).empty()) return false;
      return utility == kProbability || (!validation.scores.empty() && !test.scores.empty());
    });
  }

  /// Weights for an opinion on a backbone's candidates (eq. 4-6).
  [[nodiscard]] Fusion choose(const Backbone& backbone, Opinion opinion, const std::string& method,
                              aggregation::Utility utility = aggregation::Utility::kPosition) const {
    std::vector<aggregation::RankingCase> cases;
    for (const SeedOutcome& outcome : outcomes_) {
      const auto of_seed = ranking_cases(backbone(outcome).validation, opinion, utility);
      cases.insert(cases.end(), of_seed.begin(), of_seed.end());
    }
    auto choice = aggregation::choose_weights(cases, scale_, options_, utility);
    return {.backbone = backbone,
            .opinion = std::move(opinion),
            .method = method,
            .choice = std::move(choice),
            .utility = utility};
  }

  /// The weights for each ranking method; by the order of the methods' names.
  [[nodiscard]] std::vector<Fusion> choose_each(const Backbone& backbone,
                                                aggregation::Utility utility = aggregation::Utility::kPosition) const {
    std::vector<Fusion> result;
    for (const std::string& method : methods(backbone)) {
      result.push_back(choose(backbone, by_method(method), method, utility));
    }
    return result;
  }

  /// The best fusion that `aggregation.utility` admits. Positions stand in where nothing else is told.
  [[nodiscard]] Fusion choose_as_configured(const Backbone& backbone, const Opinion& opinion,
                                            const std::string& method) const {
    using enum aggregation::Utility;
    std::vector<Fusion> fusions;
    for (const auto utility : {kPosition, kReciprocal, kProbability, kScore}) {
      const bool wanted = options_.utility == "validation" || options_.utility == name_of(utility);
      if (wanted && tells(backbone, opinion, utility)) fusions.push_back(choose(backbone, opinion, method, utility));
    }
    return fusions.empty() ? choose(backbone, opinion, method) : best_of(fusions);
  }

  /// The same for each ranking method; by the order of the methods' names.
  [[nodiscard]] std::vector<Fusion> choose_as_configured(const Backbone& backbone) const {
    std::vector<Fusion> result;
    for (const std::string& method : methods(backbone)) {
      result.push_back(choose_as_configured(backbone, by_method(method), method));
    }
    return result;
  }

  /// The best on validation; the first of equals.
  static const Fusion& best_of(const std::vector<Fusion>& fusions) {
    return *std::max_element(fusions.begin(), fusions.end(), [](const Fusion& a, const Fusion& b) {
      return a.choice.best.value < b.choice.best.value;
    });
  }

  void add_fusion(const std::string& name, const std::string& title, const Fusion& fusion) {
    const aggregation::AdaptiveWeights weights = fusion.choice.weights(scale_);
    add_weighted(name, title, fusion, weights, [&](SeedRow& row) {
      row.a1 = fusion.choice.best.a1;
      row.a2 = fusion.choice.best.a2;
    });
  }

  void add_constant(const std::string& name, const std::string& title, const Fusion& fusion, double weight) {
    // a1 = a2 = w is the constant weight w.
    add_weighted(name, title, fusion, aggregation::AdaptiveWeights(scale_, weight, weight),
                 [&](SeedRow& row) { row.weight = weight; });
  }

  /// The method's orders with a learned gate in the place of eq. 6: fit on the validation users of all seeds. Its value on validation is
  /// cross-fitted by user.
  void add_gate(const std::string& name, const std::string& title, const Fusion& fusion) {
    std::vector<aggregation::RankingCase> cases;
    std::vector<std::int64_t> groups;
    for (const SeedOutcome& outcome : outcomes_) {
      const PhaseRanking& validation = fusion.backbone(outcome).validation;
      const auto of_seed = ranking_cases(validation, fusion.opinion, fusion.utility);
      cases.insert(cases.end(), of_seed.begin(), of_seed.end());
      groups.insert(groups.end(), validation.users.begin(), validation.users.end());
    }
    const aggregation::Gate gate = aggregation::fit_gate(cases, scale_);
    const std::vector<double> held_out = aggregation::cross_fitted_weights(cases, groups, scale_);
    auto weight = held_out.begin();
    for_each_seed([&](const SeedOutcome& outcome, SeedRows& seed) {
      const auto& [validation, test] = fusion.backbone(outcome);
      std::vector<CandidateOrder> fused;
      const auto& orders = fusion.opinion.orders(test);
      for (std::size_t n = 0; n < test.users.size(); ++n) {
        const auto features = aggregation::gate_features(orders[n], interactions(test.users[n]), scale_);
        fused.push_back(aggregation::fuse_positions(orders[n], gate.weight(features)));
      }
      seed.rows.push_back(measured(name, title, test, ordered(test, fused)));
      fused.clear();
      for (const auto& order : fusion.opinion.orders(validation)) {
        fused.push_back(aggregation::fuse_positions(order, *weight++));
      }
      seed.rows.back().validation = metric_of(validation, ordered(validation, fused));
      seed.rows.back().method = fusion.method;
    });
  }

  /// The method's fusion after each round, the last of which is `method`; nothing where there is one round.
  void add_rounds(const Fusion& method) {
    const std::size_t earlier = outcomes_.front().earlier_rounds.size();
    if (earlier == 0) return;
    const auto add = [&](std::size_t round, const Fusion& fusion) {
      add_fusion(fmt::format("round {}", round),
                 fmt::format("Round {} ({} on validation: {:.4f})", round, options_.metric, fusion.choice.best.value),
                 fusion);
    };
    for (std::size_t n = 0; n < earlier; ++n) {
      const std::vector<Fusion> fusions = choose_as_configured(
          [n](const SeedOutcome& outcome) -> const BackboneRanking& { return outcome.earlier_rounds.at(n); });
      add(n + 1, best_of(fusions));
    }
    add(earlier + 1, method);
  }

  /// Lists of refits on other pairs.
  void add_refit_controls() {
    for_each_seed([&](const SeedOutcome& outcome, SeedRows& seed) {
      for (const auto& [name, phase] : outcome.refit_controls) {
        seed.rows.push_back(measured("refit: " + name, "Control: backbone refit on " + name, phase, phase.candidates));
      }
    });
  }

  /// The candidates in the order that puts the target first: H@k of the candidate list, the ceiling of any order.
  void add_ceiling(const std::string& name, const std::string& title) {
    for_each_seed([&](const SeedOutcome& outcome, SeedRows& seed) {
      const PhaseRanking& test = outcome.refit.test;
      Lists lists = test.candidates;
      for (std::size_t n = 0; n < lists.size(); ++n) {
        const auto place = std::find(lists[n].begin(), lists[n].end(), test.targets[n]);
        if (place != lists[n].end()) std::rotate(lists[n].begin(), place, place + 1);
      }
      seed.rows.push_back(measured(name, title, test, lists));
    });
  }

  /// The rows, with what the report and recommendations need of the method's own fusion.
  RunRows finish(const Fusion& method) {
    const aggregation::AdaptiveWeights weights = method.choice.weights(scale_);
    for_each_seed([&](const SeedOutcome& outcome, SeedRows& seed) {
      const PhaseRanking& test = method.backbone(outcome).test;
      seed.llama4rec_lists = fuse(test, method, weights);
      for (const UserIndex user : test.users) seed.weights.push_back(weights.of(interactions(user)));
    });
    rows_.choice = method.choice;
    rows_.data_augmented = method.data_augmented;
    rows_.prompts_augmented = method.prompts_augmented;
    return std::move(rows_);
  }

 private:
  template <class Work>
  void for_each_seed(const Work& work) {
    for (std::size_t n = 0; n < outcomes_.size(); ++n) work(outcomes_[n], rows_.seeds[n]);
  }

  /// A phase's users as the choice of weights sees them.
  [[nodiscard]] std::vector<aggregation::RankingCase> ranking_cases(const PhaseRanking& phase, const Opinion& opinion,
                                                                    aggregation::Utility utility) const {
    using enum aggregation::Utility;
    std::vector<aggregation::RankingCase> cases;
    const auto& given = opinion.orders(phase);
    for (std::size_t n = 0; n < phase.users.size(); ++n) {
      const auto& candidates = phase.candidates[n];
      const auto place = std::find(candidates.begin(), candidates.end(), phase.targets[n]);
      cases.push_back({.language_model_order = given[n],
                       .target = place == candidates.end() ? -1 : place - candidates.begin(),
                       .interactions = interactions(phase.users[n])});
      if (utility == kProbability || utility == kScore) cases.back().log_probabilities = opinion.values(phase)[n];
      if (utility == kScore) cases.back().scores = phase.scores[n];
    }
    return cases;
  }

  [[nodiscard]] std::vector<std::string> methods(const Backbone& backbone) const {
    std::vector<std::string> names;
    for (const auto& [name, unused] : backbone(outcomes_.front()).validation.language_model) names.push_back(name);
    return names;
  }

  [[nodiscard]] double metric_of(const PhaseRanking& phase, const Lists& lists) const {
    return evaluation::means(evaluation::top_k_metrics(lists, phase.targets, cutoffs_)).at(options_.metric);
  }

  [[nodiscard]] double alone(const BackboneRanking& backbone, const std::string& method) const {
    const PhaseRanking& validation = backbone.validation;
    return metric_of(validation, ordered(validation, validation.language_model.at(method)));
  }

  template <class Complete>
  void add_weighted(const std::string& name, const std::string& title, const Fusion& fusion,
                    const aggregation::AdaptiveWeights& weights, const Complete& complete) {
    for_each_seed([&](const SeedOutcome& outcome, SeedRows& seed) {
      const auto& [validation, test] = fusion.backbone(outcome);
      seed.rows.push_back(measured(name, title, test, fuse(test, fusion, weights)));
      seed.rows.back().validation = metric_of(validation, fuse(validation, fusion, weights));
      seed.rows.back().method = fusion.method;
      seed.rows.back().utility = name_of(fusion.utility);
      complete(seed.rows.back());
    });
  }

  /// A row of lists over a phase's users.
  [[nodiscard]] SeedRow measured(const std::string& name, const std::string& title, const PhaseRanking& phase,
                                 const Lists& lists) const {
    SeedRow row{.name = name, .title = title};
    row.test = evaluation::top_k_metrics(lists, phase.targets, cutoffs_);
    return row;
  }

  static aggregation::CandidateViews views_of(const PhaseRanking& phase, const Opinion& opinion, std::size_t user,
                                              aggregation::Utility utility) {
    using enum aggregation::Utility;
    const CandidateOrder& order = opinion.orders(phase)[user];
    if (utility == kScore) return {order, opinion.values(phase)[user], phase.scores[user]};
    if (utility == kProbability) return {order, opinion.values(phase)[user]};
    return order;
  }

  [[nodiscard]] Lists fuse(const PhaseRanking& phase, const Fusion& fusion,
                           const aggregation::AdaptiveWeights& weights) const {
    std::vector<CandidateOrder> fused;
    for (std::size_t n = 0; n < phase.users.size(); ++n) {
      const double weight = weights.of(interactions(phase.users[n]));
      fused.push_back(
          aggregation::fuse_positions(views_of(phase, fusion.opinion, n, fusion.utility), weight, fusion.utility));
    }
    return ordered(phase, fused);
  }

  [[nodiscard]] std::int64_t interactions(UserIndex user) const {
    return static_cast<std::int64_t>(setup_.split().train(user).size());
  }

  static Lists ordered(const PhaseRanking& phase, const std::vector<CandidateOrder>& orders) {
    Lists lists;
    for (std::size_t n = 0; n < orders.size(); ++n) {
      auto& list = lists.emplace_back();
      for (const std::int64_t position : orders[n])
        list.push_back(phase.candidates[n][static_cast<std::size_t>(position)]);
    }
    return lists;
  }

  static aggregation::LongTailScale training_counts(const RunSetup& setup) {
    std::vector<std::int64_t> counts;
    for (UserIndex user = 0; user < setup.dataset().users(); ++user) {
      counts.push_back(static_cast<std::int64_t>(setup.split().train(user).size()));
    }
    return aggregation::LongTailScale(counts);
  }

  const RunSetup& setup_;
  const std::vector<SeedOutcome>& outcomes_;
  std::vector<std::int64_t> cutoffs_;
  aggregation::AggregationOptions options_;
  aggregation::LongTailScale scale_;
  RunRows rows_;
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
  if (!phase.scores.empty()) pick(phase.scores);
  if (!phase.log_probabilities.empty()) pick(phase.log_probabilities);
  for (auto& [name, orders] : phase.language_model) pick(orders);
  for (auto& [name, control] : phase.controls) {
    pick(control.orders);
    if (!control.scores.empty()) pick(control.scores);
  }
}

/// Whether a backbone's candidates were asked about at all.
bool asked(const std::vector<SeedOutcome>& outcomes, const Backbone& backbone) {
  return !backbone(outcomes.front()).test.users.empty();
}

}  // namespace

RunRows make_rows(const RunSetup& setup, std::vector<SeedOutcome> outcomes) {
  if (outcomes.empty()) throw InternalError("a run's table needs at least one seed");
  if (setup.evaluation.warm_only()) {
    for (SeedOutcome& outcome : outcomes) {
      for (PhaseRanking* phase : {&outcome.base.validation, &outcome.base.test, &outcome.refit.validation,
                                  &outcome.refit.test, &outcome.base_augmented.validation, &outcome.base_augmented.test,
                                  &outcome.refit_plain.validation, &outcome.refit_plain.test}) {
        keep_warm(*phase);
      }
      for (BackboneRanking& round : outcome.earlier_rounds) {
        keep_warm(round.validation);
        keep_warm(round.test);
      }
      for (auto& [name, phase] : outcome.refit_controls) keep_warm(phase);
    }
  }
  const Backbone base = &SeedOutcome::base;
  const Backbone refit = &SeedOutcome::refit;
  const Backbone base_augmented = &SeedOutcome::base_augmented;
  RowMaker make(setup, outcomes);
  const auto options = setup.configuration.read<aggregation::AggregationOptions>();
  const std::vector<Fusion> augmented = make.choose_as_configured(refit);
  const auto best_with = [&](const Backbone& backbone, bool data_augmented, bool prompts_augmented) {
    Fusion best = RowMaker::best_of(make.choose_as_configured(backbone));
    best.data_augmented = data_augmented;
    best.prompts_augmented = prompts_augmented;
    return best;
  };
  // Equals are told apart by their place: the more of the paper's method first.
  std::vector<Fusion> ways{best_with(refit, true, true)};
  if (asked(outcomes, base_augmented)) ways.push_back(best_with(base_augmented, false, true));
  if (asked(outcomes, &SeedOutcome::refit_plain)) ways.push_back(best_with(&SeedOutcome::refit_plain, true, false));
  ways.push_back(best_with(base, false, false));
  const bool by_validation = options.augmentations == "validation";
  const Fusion method = by_validation ? RowMaker::best_of(ways) : ways.front();

  make.add_backbone("base", "Base", base);
  make.add_language_model_alone("ift", setup.tunes ? "IFT" : "LLM, not tuned", base);
  make.add_fusion("llama4rec",
                  by_validation ? method_title(method.data_augmented, method.prompts_augmented) : "Llama4Rec", method);
  if (by_validation)
    make.add_fusion("both augmentations", "Llama4Rec with both augmentations (the paper)", ways.front());

  make.add_backbone("refit", "Backbone refit on augmented data", refit);
  make.add_language_model_alone("llm on refit", "LLM alone, augmented prompts", refit);
  make.add_constant("uniform", "Uniform aggregation (a = 0.5)", method, 0.5);
  make.add_constant("best constant", "Best constant weight", method, method.choice.best_constant.weight);
  const std::string& utility = options.utility;
  const std::vector<Fusion> by_position = make.choose_each(refit);
  make.add_gate("learned gate", "Learned gate in place of the long-tail weights", RowMaker::best_of(by_position));
  if (utility != "position") {
    make.add_fusion("position utilities", "Utilities -position (the paper)", RowMaker::best_of(by_position));
  }
  if (utility != "reciprocal") {
    make.add_fusion("reciprocal utilities", "Utilities 1/position in place of -position",
                    RowMaker::best_of(make.choose_each(refit, aggregation::Utility::kReciprocal)));
  }
  const auto add_told = [&](const std::string& name, const std::string& title, const Backbone& backbone,
                            aggregation::Utility by) {
    const Opinion first = by_method("first");
    if (make.tells(backbone, first, by)) make.add_fusion(name, title, make.choose(backbone, first, "first", by));
  };
  add_told("probability utilities", "Utilities from the language model's probabilities", refit,
           aggregation::Utility::kProbability);
  add_told("score utilities", "Utilities from the backbone's scores and the language model's probabilities", refit,
           aggregation::Utility::kScore);
  add_told("base + ift, probabilities",
           setup.tunes ? "Base and IFT fused by probabilities, no augmentation"
                       : "Base and LLM (not tuned) fused by probabilities, no augmentation",
           base, aggregation::Utility::kProbability);
  for (const Fusion& it : augmented) make.add_fusion("llama4rec: " + it.method, "Llama4Rec, " + it.method, it);
  make.add_fusion(
      "base + ift",
      setup.tunes ? "Base and IFT fused, no augmentation" : "Base and LLM (not tuned) fused, no augmentation",
      ways.back());
  if (asked(outcomes, base_augmented)) {
    make.add_language_model_alone("llm on base", "LLM alone, augmented prompts, hints from Base", base_augmented);
    make.add_fusion("prompt augmentation", "Prompt augmentation alone: Base fused, hints from Base", ways[1]);
  }
  if (asked(outcomes, &SeedOutcome::refit_plain)) {
    make.add_fusion("data augmentation", "Data augmentation alone: refit fused, plain prompts", ways[ways.size() - 2]);
  }
  for (const auto& [name, unused] : outcomes.front().refit.validation.controls) {
    make.add_fusion("fusion: " + name, "Control: fusion with " + name,
                    make.choose_as_configured(refit, by_control(name), ""));
  }
  make.add_rounds(method);
  make.add_refit_controls();
  make.add_ceiling("oracle", "Ceiling: best order of the candidates");
  return make.finish(method);
}

}  // namespace llama4rec::pipeline
