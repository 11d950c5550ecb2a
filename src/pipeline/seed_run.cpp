#include "pipeline/seed_run.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "data/leak_guard.h"
#include "pipeline/augmentation_stages.h"
#include "pipeline/control_orders.h"
#include "pipeline/ranking_cases.h"
#include "pipeline/seed_context.h"

namespace llama4rec::pipeline {
namespace {

using data::Phase;

/// The stages of one seed, in their order; each method is one or several of them.
class SeedStages {
 public:
  SeedStages(const RunSetup& setup, StageStore& store, std::uint64_t seed)
      : setup_(setup), store_(store), seed_(seed), context_(setup, store, seed) {}

  void make_language_models() { context_.make_language_models(); }

  void fit_base() { base_ = fit_on_train("base", setup_.run.backbone); }

  void augment_and_refit(SeedOutcome& outcome) {
    const Augmentation augmentation = augment(context_, base_);
    outcome.summaries["augment"] = augmentation.summary;
    refit_ = refit("refit", augmentation);
    if (!setup_.run.controls) return;
    for (const AnswersBy by : {AnswersBy::kChance, AnswersBy::kPopularity}) {
      const Augmentation control = answered_by(context_, base_, augmentation, by);
      refit_controls_.emplace(fmt::format("{} {}", to_string(by), augmentation.summary.at("kind").get<std::string>()),
                              refit("refit-" + to_string(by), control));
    }
  }

  void rank(SeedOutcome& outcome) {
    outcome.base = rank_backbone("rank-plain", base_, false, outcome);
    outcome.refit = rank_backbone("rank-augmented", refit_, true, outcome);
    if (setup_.run.controls) {
      outcome.base_augmented = rank_backbone("rank-augmented-base", base_, true, outcome);
      outcome.refit_plain = rank_backbone("rank-plain-refit", refit_, false, outcome);
    }
    for (const auto& [name, fitted] : refit_controls_) {
      const PhaseCases cases = phase_cases(setup_, context_.guard(), Phase::kTest, {.backbone = fitted.model.get()});
      outcome.refit_controls[name] = without_orders(cases, *fitted.model);
    }
  }

  void summarise(SeedOutcome& outcome) const {
    outcome.seed = seed_;
    outcome.summaries["base"] = base_.stage.summary;
    outcome.summaries["refit"] = refit_.stage.summary;
    outcome.summaries.update(context_.summaries());
  }

 private:
  FittedTopK fit_on_train(const std::string& stage, const std::string& recommender) {
    const auto& split = setup_.split_of(task_of(recommender));
    return fit_top_k(
        store_, setup_,
        {.stage = stage,
         .recommender = recommender,
         .dependencies = {"train"},
         .data = [&] { return positives_of(setup_, split.members(data::Part::kTrain), recommender + " (Base)"); },
         .epochs = std::nullopt},
        seed_);
  }

  FittedTopK refit(const std::string& stage, const Augmentation& augmentation) {
    const std::string& backbone = setup_.run.backbone;
    return fit_top_k(store_, setup_,
                     {.stage = stage,
                      .recommender = backbone,
                      .dependencies = {"augmentation=" + augmentation.key},
                      .data =
                          [&] {
                            auto data = augmented_data(setup_, augmentation, context_.read_by_language_models(),
                                                       fmt::format("{} ({})", backbone, stage));
                            context_.guard().admit_recommender(Phase::kAugmentation, setup_.split(), data.provenance);
                            return data;
                          },
                      .epochs = std::nullopt,
                      .continued = setup_.run.refit == "continued" ? &base_.stage : nullptr},
                     seed_);
  }

  /// The candidates of a phase's users, with their targets.
  [[nodiscard]] PhaseRanking without_orders(const PhaseCases& cases, const TopKRecommender& model) const {
    const data::Split& split = setup_.split();
    PhaseRanking result;
    for (const auto& question : cases.ranking) {
      const InteractionIndex label =
          cases.phase == Phase::kTest ? split.test(question.user) : split.validation(question.user);
      context_.guard().admit_label(cases.phase, split, question.user, label);
      const ItemIndex target = setup_.dataset().interactions[static_cast<std::size_t>(label)].item;
      result.users.push_back(question.user);
      result.targets.push_back(model.known_items()[static_cast<std::size_t>(target)] ? target : -1);
      result.candidates.push_back(question.ranked);
    }
    return result;
  }

  BackboneRanking rank_backbone(const std::string& name, const FittedTopK& backbone, bool augmented,
                                SeedOutcome& outcome) {
    const RunModel& language_model = context_.tuned(augmented);
    const PhaseModels models{.backbone = backbone.model.get(), .rating = context_.rating_hints()};
    std::vector<std::string> dependencies = context_.asking_dependencies(language_model);
    dependencies.push_back("backbone=" + backbone.stage.key);
    dependencies.push_back("rating=" + context_.rating_hints_key());
    BackboneRanking result;
    for (const Phase phase : {Phase::kValidation, Phase::kTest}) {
      const PhaseCases cases = phase_cases(setup_, context_.guard(), phase, models);
      const std::string stage_name = fmt::format("{}-{}", name, to_string(phase));
      const StageResult stage = store_.run(stage_name, dependencies, [&](StageFolder& folder) {
        context_.ask(folder, phase, language_model, [&](LanguageModel& model, prompts::CaseWriter& writer) {
          const auto ranking = rank_with_language_model(cases, model, writer, setup_.texts, augmented, setup_.prompts,
                                                        fmt::format("{} ({})", name, to_string(phase)));
          write_file_atomically(folder.path / "orders.json", to_json(ranking).dump() + "\n");
          folder.summary["prompts"] = ranking.prompts;
          folder.summary["prompt_tokens"] = ranking.prompt_tokens;
          folder.summary["answer_tokens"] = ranking.answer_tokens;
          folder.summary["fallbacks"] = ranking.fallbacks;
          folder.summary["example_prompts"] = example_prompts(cases, writer, augmented);
        });
      });
      outcome.summaries[stage_name] = stage.summary;
      PhaseRanking& ranking = phase == Phase::kTest ? result.test : result.validation;
      ranking = without_orders(cases, *backbone.model);
      auto said = ranking_from_json(nlohmann::json::parse(read_file(stage.path / "orders.json")));
      ranking.language_model = std::move(said.orders);
      ranking.log_probabilities = std::move(said.log_probabilities);
      if (setup_.run.controls) add_controls(cases, ranking);
    }
    return result;
  }

  /// A few prompts for the report.
  static nlohmann::json example_prompts(const PhaseCases& cases, prompts::CaseWriter& writer, bool augmented) {
    constexpr std::size_t kExamples = 8;
    nlohmann::json result = nlohmann::json::array();
    const std::size_t step = std::max<std::size_t>(1, cases.ranking.size() / kExamples);
    for (std::size_t user = 0; user < cases.ranking.size() && result.size() < kExamples; user += step) {
      result.push_back(
          {{"position", user},
           {"prompt", writer.templates().ranking(writer.ranking(cases.ranking[user], augmented)).joined()}});
    }
    return result;
  }

  void add_controls(const PhaseCases& cases, PhaseRanking& ranking) {
    ranking.controls["random order"] = random_orders(cases, seed_);
    const auto by = [&](const std::string& recommender) -> const TopKRecommender& {
      auto& fitted = control_models_[recommender];
      if (!fitted.model) fitted = fit_on_train("base", recommender);
      return *fitted.model;
    };
    ranking.controls["popularity order"] = orders_by(by("popularity"), cases);
    ranking.controls["item transitions"] = orders_by(by("item_transitions"), cases);
    if (!setup_.run.second_backbone.empty() && setup_.run.second_backbone != setup_.run.backbone) {
      ranking.controls["second backbone"] = orders_by(by(setup_.run.second_backbone), cases);
    }
  }

  const RunSetup& setup_;
  StageStore& store_;
  std::uint64_t seed_;
  SeedContext context_;
  FittedTopK base_;
  FittedTopK refit_;
  std::map<std::string, FittedTopK> refit_controls_;
  std::map<std::string, FittedTopK> control_models_;
};

}  // namespace

SeedOutcome run_seed(const RunSetup& setup, StageStore& store, std::uint64_t seed) {
  SeedOutcome outcome;
  SeedStages stages(setup, store, seed);
  const std::size_t first = store.timings().size();
  stages.make_language_models();
  stages.fit_base();
  stages.augment_and_refit(outcome);
  stages.rank(outcome);
  stages.summarise(outcome);
  outcome.take_timings(store, first);
  return outcome;
}

}  // namespace llama4rec::pipeline
