#include "pipeline/rating_rows.h"

#include <algorithm>
#include <functional>
#include <limits>

#include <llama4rec/error.h>

#include "aggregation/fusion.h"

namespace llama4rec::pipeline {
namespace {

using Backbone = BackboneRatings RatingSeedOutcome::*;
using RatingsOf = std::function<const std::vector<double>&(const PhaseRatings&)>;

RatingsOf by_method(const std::string& method) {
  return [method](const PhaseRatings& phase) -> const auto& { return phase.language_model.at(method); };
}
RatingsOf by_control(const std::string& name) {
  return [name](const PhaseRatings& phase) -> const auto& { return phase.controls.at(name); };
}
const std::vector<double>& conventional(const PhaseRatings& phase) { return phase.conventional; }

/// What a row fuses and with which weights, the same for all seeds.
struct Fusion {
  Backbone backbone = &RatingSeedOutcome::refit;
  RatingsOf ratings;
  std::string method;
  aggregation::WeightChoice choice;
  bool data_augmented = true;
  bool prompts_augmented = true;
};

double rmse(const evaluation::PerUser& errors) { return evaluation::rating_metrics(errors).at("RMSE"); }

/// Chooses over all seeds and makes rows seed by seed.
class RatingRowMaker {
 public:
  RatingRowMaker(const RunSetup& setup, const std::vector<RatingSeedOutcome>& outcomes)
      : setup_(setup),
        outcomes_(outcomes),
        options_(setup.configuration.read<aggregation::AggregationOptions>()),
        scale_(training_counts(setup)) {
    for (const auto& outcome : outcomes) rows_.seeds.push_back({.users = outcome.refit.test.users});
  }

  /// Predictions as they are.
  void add(const std::string& name, const std::string& title, Backbone backbone, const RatingsOf& ratings,
           const std::string& method = "") {
    for_each_seed([&](const RatingSeedOutcome& outcome, SeedRows& seed) {
      const auto& [validation, test] = outcome.*backbone;
      seed.rows.push_back(measured(name, title, test, ratings(test)));
      seed.rows.back().validation = rmse(errors(validation, ratings(validation)));
      seed.rows.back().method = method;
    });
  }

  /// The language model alone, by the way of asking that is best on validation.
  void add_language_model_alone(const std::string& name, const std::string& title, Backbone backbone) {
    std::string best;
    double best_value = std::numeric_limits<double>::infinity();
    for (const std::string& method : methods(backbone)) {
      double value = 0;
      for (const auto& outcome : outcomes_) {
        const PhaseRatings& validation = (outcome.*backbone).validation;
        value += rmse(errors(validation, validation.language_model.at(method)));
      }
      if (value >= best_value) continue;
      best_value = value;
      best = method;
    }
    add(name, title, backbone, by_method(best), best);
  }

  /// Weights of two predictions (eq. 4-6).
  [[nodiscard]] Fusion choose(Backbone backbone, RatingsOf ratings, const std::string& method) const {
    std::vector<aggregation::RatingCase> cases;
    for (const auto& outcome : outcomes_) {
      const PhaseRatings& validation = (outcome.*backbone).validation;
      const auto& given = ratings(validation);
      for (std::size_t n = 0; n < validation.users.size(); ++n) {
        cases.push_back({.conventional = validation.conventional[n],
                         .language_model = given[n],
                         .rating = validation.ratings[n],
                         .interactions = interactions(validation.users[n])});
      }
    }
    auto choice = aggregation::choose_rating_weights(cases, scale_, options_);
    return {.backbone = backbone, .ratings = std::move(ratings), .method = method, .choice = std::move(choice)};
  }

  [[nodiscard]] std::vector<Fusion> choose_each(Backbone backbone) const {
    std::vector<Fusion> result;
    for (const std::string& method : methods(backbone)) result.push_back(choose(backbone, by_method(method), method));
    return result;
  }

  static const Fusion& best_of(const std::vector<Fusion>& fusions) {
    return *std::min_element(fusions.begin(), fusions.end(), [](const Fusion& a, const Fusion& b) {
      return a.choice.best.value < b.choice.best.value;
    });
  }

  void add_fusion(const std::string& name, const std::string& title, const Fusion& fusion) {
    add_weighted(name, title, fusion, fusion.choice.weights(scale_), [&](SeedRow& row) {
      row.a1 = fusion.choice.best.a1;
      row.a2 = fusion.choice.best.a2;
    });
  }

  void add_constant(const std::string& name, const std::string& title, const Fusion& fusion, double weight) {
    add_weighted(name, title, fusion, aggregation::AdaptiveWeights(scale_, weight, weight),
                 [&](SeedRow& row) { row.weight = weight; });
  }

  void add_refit_controls() {
    for_each_seed([&](const RatingSeedOutcome& outcome, SeedRows& seed) {
      for (const auto& [name, phase] : outcome.refit_controls) {
        seed.rows.push_back(
            measured("refit: " + name, "Control: backbone refit on " + name, phase, phase.conventional));
      }
    });
  }

  RunRows finish(const Fusion& method) {
    const aggregation::AdaptiveWeights weights = method.choice.weights(scale_);
    for_each_seed([&](const RatingSeedOutcome& outcome, SeedRows& seed) {
      const PhaseRatings& test = (outcome.*method.backbone).test;
      seed.llama4rec_ratings = fuse(test, method.ratings(test), weights);
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

  [[nodiscard]] std::vector<std::string> methods(Backbone backbone) const {
    std::vector<std::string> names;
    for (const auto& [name, unused] : (outcomes_.front().*backbone).validation.language_model) names.push_back(name);
    return names;
  }

  static evaluation::PerUser errors(const PhaseRatings& phase, const std::vector<double>& ratings) {
    const std::vector<float> predicted(ratings.begin(), ratings.end());
    const std::vector<float> expected(phase.ratings.begin(), phase.ratings.end());
    return evaluation::rating_errors(predicted, expected);
  }

  static SeedRow measured(const std::string& name, const std::string& title, const PhaseRatings& phase,
                          const std::vector<double>& ratings) {
    SeedRow row{.name = name, .title = title};
    row.test = errors(phase, ratings);
    return row;
  }

  template <class Complete>
  void add_weighted(const std::string& name, const std::string& title, const Fusion& fusion,
                    const aggregation::AdaptiveWeights& weights, const Complete& complete) {
    for_each_seed([&](const RatingSeedOutcome& outcome, SeedRows& seed) {
      const auto& [validation, test] = outcome.*fusion.backbone;
      seed.rows.push_back(measured(name, title, test, fuse(test, fusion.ratings(test), weights)));
      seed.rows.back().validation = rmse(errors(validation, fuse(validation, fusion.ratings(validation), weights)));
      seed.rows.back().method = fusion.method;
      complete(seed.rows.back());
    });
  }

  [[nodiscard]] std::vector<double> fuse(const PhaseRatings& phase, const std::vector<double>& ratings,
                                         const aggregation::AdaptiveWeights& weights) const {
    std::vector<double> fused;
    for (std::size_t n = 0; n < phase.users.size(); ++n) {
      fused.push_back(
          aggregation::fuse_ratings(phase.conventional[n], ratings[n], weights.of(interactions(phase.users[n]))));
    }
    return fused;
  }

  [[nodiscard]] std::int64_t interactions(UserIndex user) const {
    return static_cast<std::int64_t>(setup_.rating.train(user).size());
  }

  static aggregation::LongTailScale training_counts(const RunSetup& setup) {
    std::vector<std::int64_t> counts;
    for (UserIndex user = 0; user < setup.dataset().users(); ++user) {
      counts.push_back(static_cast<std::int64_t>(setup.rating.train(user).size()));
    }
    return aggregation::LongTailScale(counts);
  }

  const RunSetup& setup_;
  const std::vector<RatingSeedOutcome>& outcomes_;
  aggregation::AggregationOptions options_;
  aggregation::LongTailScale scale_;
  RunRows rows_;
};

/// Keeps the users whose item training knows (evaluation.users: warm).
void keep_warm(PhaseRatings& phase) {
  const std::vector<bool> known = phase.known;
  const auto pick = [&](auto& values) {
    std::size_t kept = 0;
    for (std::size_t n = 0; n < known.size(); ++n) {
      if (known[n]) values[kept++] = values[n];
    }
    values.resize(kept);
  };
  pick(phase.users);
  pick(phase.items);
  pick(phase.ratings);
  pick(phase.conventional);
  for (auto& [name, ratings] : phase.language_model) pick(ratings);
  for (auto& [name, ratings] : phase.controls) pick(ratings);
  pick(phase.known);
}

}  // namespace

RunRows make_rating_rows(const RunSetup& setup, std::vector<RatingSeedOutcome> outcomes) {
  if (outcomes.empty()) throw InternalError("a run's table needs at least one seed");
  if (setup.evaluation.warm_only()) {
    for (RatingSeedOutcome& outcome : outcomes) {
      for (BackboneRatings* ratings : {&outcome.base, &outcome.refit, &outcome.base_augmented}) {
        keep_warm(ratings->validation);
        keep_warm(ratings->test);
      }
      for (auto& [name, phase] : outcome.refit_controls) keep_warm(phase);
    }
  }
  constexpr Backbone kBase = &RatingSeedOutcome::base;
  constexpr Backbone kRefit = &RatingSeedOutcome::refit;
  constexpr Backbone kBaseAugmented = &RatingSeedOutcome::base_augmented;
  RatingRowMaker make(setup, outcomes);
  const std::vector<Fusion> augmented = make.choose_each(kRefit);
  const auto best_with = [&](Backbone backbone, bool data_augmented, bool prompts_augmented) {
    Fusion best = RatingRowMaker::best_of(make.choose_each(backbone));
    best.data_augmented = data_augmented;
    best.prompts_augmented = prompts_augmented;
    return best;
  };
  const bool base_asked = !outcomes.front().base_augmented.test.users.empty();
  // Equals are told apart by their place: the more of the paper's method first. Without attributes the refit is Base.
  std::vector<Fusion> ways{best_with(kRefit, true, true)};
  if (base_asked) ways.push_back(best_with(kBaseAugmented, false, true));
  ways.push_back(best_with(kBase, false, false));
  const auto options = setup.configuration.read<aggregation::AggregationOptions>();
  const bool by_validation = options.augmentations == "validation";
  const Fusion method = by_validation ? RatingRowMaker::best_of(ways) : ways.front();

  make.add("base", "Base", kBase, conventional);
  make.add_language_model_alone("ift", setup.tunes ? "IFT" : "LLM, not tuned", kBase);
  make.add_fusion("llama4rec",
                  by_validation ? method_title(method.data_augmented, method.prompts_augmented) : "Llama4Rec", method);
  if (by_validation)
    make.add_fusion("both augmentations", "Llama4Rec with both augmentations (the paper)", ways.front());

  make.add("refit", "Backbone refit on augmented data", kRefit, conventional);
  make.add_language_model_alone("llm on refit", "LLM alone, augmented prompts", kRefit);
  make.add_constant("uniform", "Uniform aggregation (a = 0.5)", method, 0.5);
  make.add_constant("best constant", "Best constant weight", method, method.choice.best_constant.weight);
  for (const Fusion& it : augmented) make.add_fusion("llama4rec: " + it.method, "Llama4Rec, " + it.method, it);
  make.add_fusion(
      "base + ift",
      setup.tunes ? "Base and IFT fused, no augmentation" : "Base and LLM (not tuned) fused, no augmentation",
      ways.back());
  if (base_asked) {
    make.add_language_model_alone("llm on base", "LLM alone, augmented prompts, hints from Base", kBaseAugmented);
    make.add_fusion("prompt augmentation", "Prompt augmentation alone: Base fused, hints from Base", ways[1]);
  }
  for (const auto& [name, unused] : outcomes.front().refit.validation.controls) {
    make.add("alone: " + name, "Control: " + name + " alone", kRefit, by_control(name));
    make.add_fusion("fusion: " + name, "Control: fusion with " + name, make.choose(kRefit, by_control(name), ""));
  }
  make.add_refit_controls();
  return make.finish(method);
}

}  // namespace llama4rec::pipeline
