#include "pipeline/seed_run.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "data/leak_guard.h"
#include "pipeline/augmentation_stages.h"
#include "pipeline/candidate_chunks.h"
#include "pipeline/ranking_cases.h"
#include "pipeline/round_models.h"
#include "pipeline/seed_context.h"

namespace llama4rec::pipeline {
namespace {

using data::Phase;

/// The stages of one seed, in their order; each method is one or several of them.
class SeedStages {
 public:
  SeedStages(const RunSetup& setup, StageStore& store, std::uint64_t seed)
      : setup_(setup), store_(store), seed_(seed), context_(setup, store, seed), rounds_(context_) {}

  void make_language_models() { context_.make_language_models(); }

  void fit_base() { base_ = fit_on_train("base", setup_.run.backbone); }

  /// Each round's augmentation starts from the refit of the round before; a refit takes up its own round's answers alone.
  void augment_and_refit(SeedOutcome& outcome) {
    Augmentation augmentation;
    for (std::int64_t round = 1; round <= last_round(); ++round) {
      augmentation =
          augment(context_, before(round),
                  {.model = &rounds_.augmenting(round), .stage = "augment" + round_suffix(round), .task = setup_.task});
      outcome.summaries[summary_name("augment", round)] = augmentation.summary;
      refits_.push_back(refit("refit" + round_suffix(round), augmentation));
    }
    if (!setup_.run.controls) return;
    for (const AnswersBy by : {AnswersBy::kChance, AnswersBy::kPopularity}) {
      const Augmentation control = answered_by(context_, before(last_round()), augmentation, by);
      refit_controls_.emplace(fmt::format("{} {}", to_string(by), augmentation.summary.at("kind").get<std::string>()),
                              refit("refit-" + to_string(by), control));
    }
  }

  void rank(SeedOutcome& outcome) {
    const RunModel& plain = context_.tuned(false);
    const RunModel& augmented = rounds_.tuned(last_round(), true);
    const FittedTopK& refit = refits_.back();
    outcome.base = rank_backbone({"rank-plain", &base_, &plain, false}, outcome);
    for (std::int64_t round = 1; round < last_round(); ++round) {
      outcome.earlier_rounds.push_back(rank_backbone({.name = "rank-augmented" + round_suffix(round),
                                                      .backbone = &refits_[static_cast<std::size_t>(round - 1)],
                                                      .language_model = &rounds_.tuned(round, true),
                                                      .augmented = true,
                                                      .summary = summary_name("rank-augmented", round)},
                                                     outcome));
    }
    outcome.refit = rank_backbone({.name = "rank-augmented" + round_suffix(last_round()),
                                   .backbone = &refit,
                                   .language_model = &augmented,
                                   .augmented = true,
                                   .summary = "rank-augmented"},
                                  outcome);
    if (setup_.run.controls || setup_.chooses_augmentations) {
      outcome.base_augmented = rank_backbone({"rank-augmented-base", &base_, &augmented, true}, outcome);
      outcome.refit_plain = rank_backbone({"rank-plain-refit", &refit, &plain, false}, outcome);
    }
    for (const auto& [name, fitted] : refit_controls_) {
      const PhaseCases cases = phase_cases(setup_, context_.guard(), Phase::kTest, {.backbone = fitted.model.get()});
      outcome.refit_controls[name] = without_orders(cases, *fitted.model);
    }
  }

  void summarise(SeedOutcome& outcome) {
    outcome.seed = seed_;
    outcome.summaries["base"] = base_.stage.summary;
    for (std::int64_t round = 1; round <= last_round(); ++round) {
      outcome.summaries[summary_name("refit", round)] = refits_[static_cast<std::size_t>(round - 1)].stage.summary;
    }
    outcome.summaries.update(context_.summaries());
    if (!setup_.tunes) return;
    for (std::int64_t round = 1; round <= last_round(); ++round) {
      outcome.summaries[summary_name("tune-augmented", round)] = rounds_.tuned(round, true).stage.summary;
    }
  }

 private:
  /// What a stage of rankings asks about.
  struct Ranking {
    std::string name;  ///< of its stages
    const FittedTopK* backbone;
    const RunModel* language_model;
    bool augmented;
    std::string summary{};  ///< name of its summaries; empty: `name`
  };

  [[nodiscard]] std::int64_t last_round() const { return setup_.run.rounds; }
  /// What a round starts from.
  [[nodiscard]] const FittedTopK& before(std::int64_t round) const {
    return round == 1 ? base_ : refits_[static_cast<std::size_t>(round - 2)];
  }
  /// Reports find the last round under a stage's own name.
  [[nodiscard]] std::string summary_name(const std::string& stage, std::int64_t round) const {
    return round == last_round() ? stage : fmt::format("{}-in-round-{}", stage, round);
  }

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
                            auto data = augmented_data(setup_, setup_.split().members(data::Part::kTrain), augmentation,
                                                       context_.read_by_language_models(),
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
    result.scores = cases.scores;
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

  BackboneRanking rank_backbone(const Ranking& asked, SeedOutcome& outcome) {
    const std::string& name = asked.name;
    const FittedTopK& backbone = *asked.backbone;
    const RunModel& language_model = *asked.language_model;
    const bool augmented = asked.augmented;
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
      outcome.summaries[fmt::format("{}-{}", asked.summary.empty() ? asked.name : asked.summary, to_string(phase))] =
          stage.summary;
      PhaseRanking& ranking = phase == Phase::kTest ? result.test : result.validation;
      ranking = without_orders(cases, *backbone.model);
      auto said = ranking_from_json(nlohmann::json::parse(read_file(stage.path / "orders.json")));
      ranking.language_model = std::move(said.orders);
      ranking.log_probabilities = std::move(said.log_probabilities);
      if (setup_.run.controls) add_controls(cases, ranking);
    }
    return result;
  }

  /// A few prompts for the report; of long candidate lists the first chunk's.
  [[nodiscard]] nlohmann::json example_prompts(const PhaseCases& cases, prompts::CaseWriter& writer,
                                               bool augmented) const {
    constexpr std::size_t kExamples = 8;
    nlohmann::json result = nlohmann::json::array();
    const std::size_t step = std::max<std::size_t>(1, cases.ranking.size() / kExamples);
    for (std::size_t user = 0; user < cases.ranking.size() && result.size() < kExamples; user += step) {
      const prompts::RankingCase& question = cases.ranking[user];
      const auto chunks = deal_chunks(static_cast<std::int64_t>(question.ranked.size()), setup_.prompts.chunk);
      if (chunks.empty()) continue;
      result.push_back(
          {{"position", user},
           {"prompt",
            writer.templates().ranking(writer.ranking(chunk_of(question, chunks.front()), augmented)).joined()}});
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
  RoundModels rounds_;
  FittedTopK base_;
  std::vector<FittedTopK> refits_;  ///< by round
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
