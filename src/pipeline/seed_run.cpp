#include "pipeline/seed_run.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/random.h"
#include "data/leak_guard.h"
#include "llm/journal.h"
#include "pipeline/candidates.h"
#include "pipeline/control_orders.h"
#include "pipeline/language_model_stages.h"
#include "pipeline/recommender_stages.h"
#include "pipeline/remote_model.h"

namespace llama4rec::pipeline {
namespace {

using data::Phase;

/// What no text may be made of: the held-out union, and what an explicit split leaves out.
InteractionSet not_for_text(const RunSetup& setup) {
  InteractionSet result(setup.dataset().size());
  for (InteractionIndex i = 0; i < setup.dataset().size(); ++i) result.insert(i);
  result -= usable_interactions(setup);
  result |= setup.held_out;
  return result;
}

std::vector<std::string> with(std::vector<std::string> lines, const std::string& line) {
  lines.push_back(line);
  return lines;
}

/// The stages of one seed, in their order; each method is one or two of them.
class SeedStages {
 public:
  SeedStages(const RunSetup& setup, StageStore& store, std::uint64_t seed)
      : setup_(setup),
        store_(store),
        seed_(seed),
        fold_(prompts::draw_fold(setup.dataset(), not_for_text(setup), setup.fold, seed)),
        guard_(setup.dataset(), {&setup.direct, &setup.sequential, &setup.rating}, fold_.targets),
        fold_lines_(setup.dependencies({"instructions.held_back", "instructions.minimum_history"})),
        remote_(connect_remote_model(setup, seed)) {
    fold_lines_.push_back(fmt::format("fold seed={}", seed));
  }

  void fit_recommenders() {
    const InteractionSet train = setup_.direct.members(data::Part::kTrain);
    const std::string& backbone = setup_.run.backbone;
    base_ = fit_top_k(store_, setup_,
                      {.stage = "base",
                       .recommender = backbone,
                       .dependencies = {"train"},
                       .data = [&] { return positives_of(setup_, train, backbone + " (Base)"); },
                       .epochs = std::nullopt},
                      seed_);
    // Hints of rating prompts: nothing that any task holds out, at tuning no target either.
    rating_ = fit_rating(store_, setup_, "rating", fold_lines_, fold_.allowed, seed_);
    if (!setup_.tunes) return;  // the others are for tuning
    out_of_fold_ = fit_top_k(store_, setup_,
                             {.stage = "out-of-fold",
                              .recommender = backbone,
                              .dependencies = fold_lines_,
                              .data = [&] { return positives_of(setup_, fold_.before, backbone + " (out-of-fold)"); },
                              .epochs = std::max<std::int64_t>(1, base_.best_epoch())},
                             seed_);
    rating_out_of_fold_ = fit_rating(store_, setup_, "rating-out-of-fold", fold_lines_, fold_.before, seed_);
  }

  void make_language_models() {
    if (remote_) {
      pretrained_.stage = remote_model_stage(store_, setup_, *remote_);
    } else {
      pretrained_ =
          setup_.checkpoint ? checkpoint_stage(store_, setup_) : pretrain_stage(store_, setup_, guard_, fold_, seed_);
    }
    if (!setup_.tunes) {  // one model answers everything
      plain_ = augmented_ = pretrained_;
      return;
    }
    const auto make_cases = [&] {
      return tuning_cases(setup_, guard_, fold_,
                          {.backbone = out_of_fold_.model.get(), .rating = rating_out_of_fold_.model.get()}, seed_);
    };
    const std::vector<std::string> lines{"out-of-fold=" + out_of_fold_.stage.key,
                                         "rating=" + rating_out_of_fold_.stage.key};
    plain_ = tune_stage(store_, setup_, guard_, pretrained_, false, lines, make_cases, seed_);
    augmented_ = tune_stage(store_, setup_, guard_, pretrained_, true, lines, make_cases, seed_);
  }

  void augment_and_refit(SeedOutcome& outcome) {
    const bool augmented_prompts = setup_.run.augmentation_prompts == "augmented";
    const RunModel& source = augmented_prompts ? augmented_ : plain_;
    const auto options = setup_.configuration.read<augmentation::PairOptions>();
    std::vector<std::string> dependencies =
        setup_.dependencies({"augmentation.draw", "augmentation.upper_ranks", "augmentation.pairs_per_user",
                             "augmentation.both_orders", "augmentation.prompts", "prompts."});
    dependencies.push_back(answer_arithmetic());
    dependencies.push_back("model=" + source.stage.key);
    dependencies.push_back("base=" + base_.stage.key);
    dependencies.push_back(fmt::format("seed={}", seed_));
    const StageResult stage = store_.run("augment", dependencies, [&](StageFolder& folder) {
      llm::JournaledModel journaled(answering(Phase::kAugmentation, source), journal_file());
      prompts::CaseWriter writer = case_writer(journaled);
      const std::vector<augmentation::PairUser> users = pair_users(options);
      const auto drawn = augmentation::draw_pairs(users, base_.model->known_items(), options, seed_);
      Progress progress("data augmentation", static_cast<std::int64_t>(drawn.size()) * (options.both_orders ? 2 : 1),
                        "prompts");
      augmentation::PairAccount account;
      const auto pairs = augmentation::order_pairs(
          users, drawn, journaled, writer, augmented_prompts, options,
          [&](std::int64_t answered) { progress.set(answered); }, account);
      progress.finish();
      nlohmann::json document{{"drawn", nlohmann::json::array()}, {"pairs", nlohmann::json::array()}};
      for (const auto& it : drawn) document["drawn"].push_back({users[it.user].question.user, it.first, it.second});
      for (const auto& it : pairs) document["pairs"].push_back({it.user, it.preferred, it.other});
      write_file_atomically(folder.path / "pairs.json", document.dump() + "\n");
      folder.summary["asked"] = account.asked;
      folder.summary["kept"] = account.kept;
      folder.summary["disagreed"] = account.disagreed;
      folder.summary["unanswered"] = account.unanswered;
      folder.summary["first_shown_preferred"] = account.first_shown_preferred;
    });
    outcome.pairs = {.asked = stage.summary.at("asked").get<std::int64_t>(),
                     .kept = stage.summary.at("kept").get<std::int64_t>(),
                     .disagreed = stage.summary.at("disagreed").get<std::int64_t>(),
                     .unanswered = stage.summary.value("unanswered", std::int64_t{0}),
                     .first_shown_preferred = stage.summary.at("first_shown_preferred").get<double>()};
    outcome.summaries["augment"] = stage.summary;
    const auto document = nlohmann::json::parse(read_file(stage.path / "pairs.json"));
    std::vector<PreferencePair> pairs;
    for (const auto& it : document.at("pairs")) {
      pairs.push_back(
          {.user = it[0].get<UserIndex>(), .preferred = it[1].get<ItemIndex>(), .other = it[2].get<ItemIndex>()});
    }
    refit_ = refit("refit", pairs, "pairs=" + stage.key);
    if (setup_.run.controls) fit_pair_controls(pairs, stage.key);
  }

  void rank(SeedOutcome& outcome) {
    outcome.base = rank_backbone("rank-plain", base_, plain_, false, outcome);
    outcome.refit = rank_backbone("rank-augmented", refit_, augmented_, true, outcome);
    if (setup_.run.controls) {
      outcome.base_augmented = rank_backbone("rank-augmented-base", base_, augmented_, true, outcome);
    }
    for (const auto& [name, fitted] : pair_controls_) {
      const PhaseCases cases = phase_cases(setup_, guard_, Phase::kTest, {.backbone = fitted.model.get()});
      outcome.refit_controls[name] = without_orders(cases, *fitted.model);
    }
  }

  void summarise(SeedOutcome& outcome) const {
    outcome.seed = seed_;
    for (const auto* stage : {&base_.stage, &out_of_fold_.stage, &rating_.stage, &pretrained_.stage, &plain_.stage,
                              &augmented_.stage, &refit_.stage}) {
      if (stage->path.empty()) continue;  // nothing is fit out of fold where nothing is tuned
      outcome.summaries[stage->path.filename().string().substr(0, stage->path.filename().string().rfind('-'))] =
          stage->summary;
    }
  }

 private:
  /// The model to ask in a phase. It stays open until another one is asked: a large one takes long to read and to hash.
  [[nodiscard]] LanguageModel& answering(Phase phase, const RunModel& model) {
    if (remote_) return *remote_;
    if (opened_ && opened_key_ == model.stage.key) {
      guard_.admit_language_model(phase, model.provenance);
      return *opened_;
    }
    opened_.reset();  // two need not fit into memory
    opened_ = open_language_model(setup_, guard_, phase, model);
    opened_key_ = model.stage.key;
    return *opened_;
  }

  [[nodiscard]] std::string answer_arithmetic() const {
    return arithmetic(setup_.configuration.read<llm::EngineOptions>().precision);
  }
  [[nodiscard]] std::filesystem::path journal_file() const { return store_.root() / "journal.sqlite"; }

  [[nodiscard]] prompts::CaseWriter case_writer(const LanguageModel& model) const {
    return {setup_.texts,
            setup_.templates,
            setup_.prompts,
            seed_,
            [&model](const std::string& segment) { return model.count_tokens(segment); },
            model.context_length()};
  }

  std::vector<augmentation::PairUser> pair_users(const augmentation::PairOptions& options) const {
    PhaseCases cases = phase_cases(setup_, guard_, Phase::kAugmentation, {.backbone = base_.model.get()});
    std::vector<UserIndex> indices;
    std::vector<std::vector<ItemIndex>> histories;
    for (const auto& question : cases.ranking) {
      indices.push_back(question.user);
      histories.push_back(question.history);
    }
    const auto upper = best_unseen(*base_.model, indices, histories, histories, options.upper_ranks);
    std::vector<augmentation::PairUser> users;
    for (std::size_t n = 0; n < cases.ranking.size(); ++n) {
      users.push_back({.question = std::move(cases.ranking[n]), .upper = upper[n].items, .interacted = histories[n]});
    }
    return users;
  }

  FittedTopK refit(const std::string& stage, const std::vector<PreferencePair>& pairs, const std::string& dependency) {
    return fit_top_k(store_, setup_,
                     {.stage = stage,
                      .recommender = setup_.run.backbone,
                      .dependencies = with(setup_.dependencies({"augmentation.pair_weight"}), dependency),
                      .data =
                          [&] {
                            auto data = positives_of(setup_, setup_.direct.members(data::Part::kTrain),
                                                     setup_.run.backbone + " (" + stage + ")");
                            data.pairs = pairs;
                            // The pairs come from a language model: what its text was made from is behind them, too.
                            data.provenance.interactions |= fold_.allowed;
                            guard_.admit_recommender(Phase::kAugmentation, setup_.direct, data.provenance);
                            return data;
                          },
                      .epochs = std::nullopt},
                     seed_);
  }

  /// The same pairs of the same users, ordered at random and by popularity instead of by the language model.
  void fit_pair_controls(const std::vector<PreferencePair>& pairs, const std::string& key) {
    std::vector<std::int64_t> popularity(static_cast<std::size_t>(setup_.dataset().items()), 0);
    for (const InteractionIndex i : setup_.direct.members(data::Part::kTrain).members()) {
      ++popularity[static_cast<std::size_t>(setup_.dataset().interactions[static_cast<std::size_t>(i)].item)];
    }
    std::vector<PreferencePair> random_pairs = pairs;
    std::vector<PreferencePair> popular_pairs = pairs;
    RandomStream random(seed_, "controls.random_pairs");
    for (PreferencePair& pair : random_pairs) {
      if (random.below(2) == 0) std::swap(pair.preferred, pair.other);
    }
    for (PreferencePair& pair : popular_pairs) {
      if (popularity[static_cast<std::size_t>(pair.preferred)] < popularity[static_cast<std::size_t>(pair.other)]) {
        std::swap(pair.preferred, pair.other);
      }
    }
    pair_controls_.emplace("random pairs", refit("refit-random", random_pairs, "random pairs=" + key));
    pair_controls_.emplace("popularity pairs", refit("refit-popularity", popular_pairs, "popularity pairs=" + key));
  }

  /// The candidates of a phase's users, with their targets.
  [[nodiscard]] PhaseRanking without_orders(const PhaseCases& cases, const TopKRecommender& model) const {
    PhaseRanking result;
    for (const auto& question : cases.ranking) {
      const InteractionIndex label =
          cases.phase == Phase::kTest ? setup_.direct.test(question.user) : setup_.direct.validation(question.user);
      guard_.admit_label(cases.phase, setup_.direct, question.user, label);
      const ItemIndex target = setup_.dataset().interactions[static_cast<std::size_t>(label)].item;
      result.users.push_back(question.user);
      result.targets.push_back(model.known_items()[static_cast<std::size_t>(target)] ? target : -1);
      result.candidates.push_back(question.ranked);
    }
    return result;
  }

  BackboneRanking rank_backbone(const std::string& name, const FittedTopK& backbone, const RunModel& language_model,
                                bool augmented, SeedOutcome& outcome) {
    const PhaseModels models{.backbone = backbone.model.get(), .rating = rating_.model.get()};
    BackboneRanking result;
    std::vector<std::string> dependencies = setup_.dependencies({"prompts."});
    dependencies.push_back(answer_arithmetic());
    dependencies.push_back("backbone=" + backbone.stage.key);
    dependencies.push_back("model=" + language_model.stage.key);
    dependencies.push_back("rating=" + rating_.stage.key);
    for (const Phase phase : {Phase::kValidation, Phase::kTest}) {
      const PhaseCases cases = phase_cases(setup_, guard_, phase, models);
      const StageResult stage =
          store_.run(fmt::format("{}-{}", name, to_string(phase)), dependencies, [&](StageFolder& folder) {
            llm::JournaledModel journaled(answering(phase, language_model), journal_file());
            prompts::CaseWriter writer = case_writer(journaled);
            const auto ranking = rank_with_language_model(cases, journaled, writer, setup_.texts, augmented,
                                                          fmt::format("{} ({})", name, to_string(phase)));
            write_file_atomically(folder.path / "orders.json", to_json(ranking).dump() + "\n");
            folder.summary["prompts"] = ranking.prompts;
            folder.summary["prompt_tokens"] = ranking.prompt_tokens;
            folder.summary["answer_tokens"] = ranking.answer_tokens;
            folder.summary["fallbacks"] = ranking.fallbacks;
            if (remote_) folder.summary["remote_account"] = to_json(remote_->account());  // since the run was started
            folder.summary["asked"] = journaled.accounting().asked;
            folder.summary["from_journal"] = journaled.accounting().reused;
            folder.summary["trimmed_prompts"] = writer.trimming().trimmed_prompts;
            folder.summary["example_prompts"] = example_prompts(cases, writer, augmented);
          });
      outcome.summaries[fmt::format("{}-{}", name, to_string(phase))] = stage.summary;
      PhaseRanking& ranking = phase == Phase::kTest ? result.test : result.validation;
      ranking = without_orders(cases, *backbone.model);
      ranking.language_model = ranking_from_json(nlohmann::json::parse(read_file(stage.path / "orders.json"))).orders;
      if (setup_.run.controls) add_controls(cases, ranking);
    }
    return result;
  }

  /// A few prompts for the report.
  nlohmann::json example_prompts(const PhaseCases& cases, prompts::CaseWriter& writer, bool augmented) const {
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
      if (!fitted.model) {
        fitted = fit_top_k(store_, setup_,
                           {.stage = "control-" + recommender,
                            .recommender = recommender,
                            .dependencies = {"train"},
                            .data =
                                [&] {
                                  return positives_of(setup_, setup_.direct.members(data::Part::kTrain),
                                                      recommender + " (control)");
                                },
                            .epochs = std::nullopt},
                           seed_);
      }
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
  prompts::InstructionFold fold_;
  data::LeakGuard guard_;
  std::vector<std::string> fold_lines_;
  std::unique_ptr<llm::RemoteLlm> remote_;  ///< where servers answer
  FittedTopK base_;
  FittedTopK out_of_fold_;
  FittedTopK refit_;
  FittedRating rating_;
  FittedRating rating_out_of_fold_;
  RunModel pretrained_;  ///< what is tuned, or answers as it is
  RunModel plain_;
  RunModel augmented_;
  std::unique_ptr<llm::EmbeddedLlm> opened_;  ///< the model that was asked last
  std::string opened_key_;
  std::map<std::string, FittedTopK> pair_controls_;
  std::map<std::string, FittedTopK> control_models_;
};

}  // namespace

SeedOutcome run_seed(const RunSetup& setup, StageStore& store, std::uint64_t seed) {
  SeedOutcome outcome;
  SeedStages stages(setup, store, seed);
  const std::size_t first = store.timings().size();
  stages.fit_recommenders();
  stages.make_language_models();
  stages.augment_and_refit(outcome);
  stages.rank(outcome);
  stages.summarise(outcome);
  outcome.timings.assign(store.timings().begin() + static_cast<std::ptrdiff_t>(first), store.timings().end());
  for (const auto& timing : outcome.timings) outcome.seconds += timing.seconds;
  return outcome;
}

}  // namespace llama4rec::pipeline
