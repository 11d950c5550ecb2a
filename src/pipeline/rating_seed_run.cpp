#include "pipeline/rating_seed_run.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "data/leak_guard.h"
#include "pipeline/attribute_stages.h"
#include "pipeline/rating_controls.h"
#include "pipeline/seed_context.h"

namespace llama4rec::pipeline {
namespace {

using data::Phase;

/// The stages of one seed, in their order.
class RatingSeedStages {
 public:
  RatingSeedStages(const RunSetup& setup, StageStore& store, std::uint64_t seed)
      : setup_(setup), store_(store), seed_(seed), context_(setup, store, seed) {}

  void make_language_models() { context_.make_language_models(); }

  void fit_base() { base_ = fit_on_train("base", setup_.run.backbone); }

  /// Without attributes there is nothing to learn anew: the refit is Base.
  void augment_and_refit(RatingSeedOutcome& outcome) {
    const AttributeAugmentation augmentation = fill_in_attributes(context_);
    if (augmentation.attributes.empty()) return;
    outcome.summaries["augment"] = augmentation.summary;
    refit_ = refit("refit", augmentation);
    if (!setup_.run.controls) return;
    AttributeAugmentation dealt = augmentation;
    dealt.attributes = augmentation::dealt_anew(dealt.attributes, seed_);
    dealt.key = "dealt anew: " + augmentation.key;
    refit_controls_.emplace("attributes dealt anew", refit("refit-dealt", dealt));
  }

  void rate(RatingSeedOutcome& outcome) {
    outcome.base = rate_backbone("rate-plain", base_, false, outcome);
    const bool augmented = refit_.model != nullptr;
    outcome.refit = rate_backbone("rate-augmented", augmented ? refit_ : base_, true, outcome);
    if (augmented && (setup_.run.controls || setup_.chooses_augmentations)) {
      outcome.base_augmented = rate_backbone("rate-augmented-base", base_, true, outcome);
    }
    for (const auto& [name, fitted] : refit_controls_) {
      outcome.refit_controls[name] =
          without_language_model(rating_phase_cases(setup_, context_.guard(), Phase::kTest, *fitted.model));
    }
  }

  void summarise(RatingSeedOutcome& outcome) const {
    outcome.seed = seed_;
    outcome.summaries["base"] = base_.stage.summary;
    if (refit_.model) outcome.summaries["refit"] = refit_.stage.summary;
    outcome.summaries.update(context_.summaries());
  }

 private:
  FittedRating fit_on_train(const std::string& stage, const std::string& recommender) {
    return fit_rating(
        store_, setup_,
        {.stage = stage,
         .recommender = recommender,
         .dependencies = {"train"},
         .data = [&] { return ratings_of(setup_, setup_.rating.members(data::Part::kTrain), recommender + " (Base)"); },
         .epochs = std::nullopt},
        seed_);
  }

  FittedRating refit(const std::string& stage, const AttributeAugmentation& augmentation) {
    const std::string& backbone = setup_.run.backbone;
    const AugmentedTables tables = with_attributes(setup_.dataset(), augmentation);
    return fit_rating(store_, setup_,
                      {.stage = stage,
                       .recommender = backbone,
                       .dependencies = {"attributes=" + augmentation.key},
                       .data =
                           [&] {
                             auto data = augmented_ratings(setup_, tables, context_.read_by_language_models(),
                                                           fmt::format("{} ({})", backbone, stage));
                             context_.guard().admit_recommender(Phase::kAugmentation, setup_.rating, data.provenance);
                             return data;
                           },
                       .epochs = std::nullopt},
                      seed_);
  }

  [[nodiscard]] PhaseRatings without_language_model(const RatingPhaseCases& cases) const {
    std::vector<bool> trained(static_cast<std::size_t>(setup_.dataset().items()), false);
    for (const InteractionIndex i : setup_.rating.members(data::Part::kTrain).members()) {
      trained[static_cast<std::size_t>(setup_.dataset().interactions[static_cast<std::size_t>(i)].item)] = true;
    }
    PhaseRatings result;
    for (const auto& it : cases.cases) {
      result.users.push_back(it.user);
      result.items.push_back(it.item);
      result.known.push_back(trained[static_cast<std::size_t>(it.item)]);
      result.conventional.push_back(it.predicted_rating);
    }
    result.ratings = rating_labels(setup_, context_.guard(), cases);
    return result;
  }

  BackboneRatings rate_backbone(const std::string& name, const FittedRating& backbone, bool augmented,
                                RatingSeedOutcome& outcome) {
    const RunModel& language_model = context_.tuned(augmented);
    std::vector<std::string> dependencies = context_.asking_dependencies(language_model);
    dependencies.push_back("backbone=" + backbone.stage.key);
    BackboneRatings result;
    for (const Phase phase : {Phase::kValidation, Phase::kTest}) {
      const RatingPhaseCases cases = rating_phase_cases(setup_, context_.guard(), phase, *backbone.model);
      const std::string stage_name = fmt::format("{}-{}", name, to_string(phase));
      const StageResult stage = store_.run(stage_name, dependencies, [&](StageFolder& folder) {
        context_.ask(folder, phase, language_model, [&](LanguageModel& model, prompts::CaseWriter& writer) {
          const auto rating = rate_with_language_model(cases, model, writer, setup_.texts, augmented,
                                                       fmt::format("{} ({})", name, to_string(phase)));
          write_file_atomically(folder.path / "ratings.json", to_json(rating).dump() + "\n");
          folder.summary["prompts"] = rating.prompts;
          folder.summary["prompt_tokens"] = rating.prompt_tokens;
          folder.summary["answer_tokens"] = rating.answer_tokens;
          folder.summary["fallbacks"] = rating.fallbacks;
          folder.summary["example_prompts"] = example_prompts(cases, writer, augmented);
        });
      });
      outcome.summaries[stage_name] = stage.summary;
      PhaseRatings& ratings = phase == Phase::kTest ? result.test : result.validation;
      ratings = without_language_model(cases);
      ratings.language_model = rating_from_json(nlohmann::json::parse(read_file(stage.path / "ratings.json"))).ratings;
      if (setup_.run.controls) add_controls(cases, *backbone.model, ratings);
    }
    return result;
  }

  /// A few prompts for the report.
  static nlohmann::json example_prompts(const RatingPhaseCases& cases, prompts::CaseWriter& writer, bool augmented) {
    constexpr std::size_t kExamples = 8;
    nlohmann::json result = nlohmann::json::array();
    const std::size_t step = std::max<std::size_t>(1, cases.cases.size() / kExamples);
    for (std::size_t user = 0; user < cases.cases.size() && result.size() < kExamples; user += step) {
      result.push_back({{"position", user},
                        {"prompt", writer.templates().rating(writer.rating(cases.cases[user], augmented)).joined()}});
    }
    return result;
  }

  void add_controls(const RatingPhaseCases& cases, const RatingPredictor& backbone, PhaseRatings& ratings) {
    ratings.controls["recency correction"] = recency_corrected(backbone, cases, setup_.dataset());
    const std::string& other = setup_.run.second_rating_backbone;
    if (other.empty() || other == setup_.run.backbone) return;
    if (!second_.model) second_ = fit_on_train("base", other);
    const torch::Tensor predicted = second_.model->predict(ratings.users, ratings.items).contiguous();
    const float* values = predicted.data_ptr<float>();
    ratings.controls["second backbone"].assign(values, values + predicted.numel());
  }

  const RunSetup& setup_;
  StageStore& store_;
  std::uint64_t seed_;
  SeedContext context_;
  FittedRating base_;
  FittedRating refit_;
  std::map<std::string, FittedRating> refit_controls_;
  FittedRating second_;
};

}  // namespace

RatingSeedOutcome run_rating_seed(const RunSetup& setup, StageStore& store, std::uint64_t seed) {
  RatingSeedOutcome outcome;
  RatingSeedStages stages(setup, store, seed);
  const std::size_t first = store.timings().size();
  stages.make_language_models();
  stages.fit_base();
  stages.augment_and_refit(outcome);
  stages.rate(outcome);
  stages.summarise(outcome);
  outcome.take_timings(store, first);
  return outcome;
}

}  // namespace llama4rec::pipeline
