#include "pipeline/seed_context.h"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/case_histories.h"
#include "pipeline/remote_model.h"
#include "pipeline/tuning_cases.h"

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

}  // namespace

SeedContext::SeedContext(const RunSetup& setup, StageStore& store, std::uint64_t seed)
    : setup_(setup),
      store_(store),
      seed_(seed),
      fold_(prompts::draw_fold(setup.dataset(), not_for_text(setup), setup.fold, seed)),
      guard_(setup.dataset(), {&setup.direct, &setup.sequential, &setup.rating}, fold_.targets),
      fold_lines_(setup.dependencies({"instructions.held_back", "instructions.minimum_history"})),
      remote_(connect_remote_model(setup, seed)) {
  fold_lines_.push_back(fmt::format("fold seed={}", seed));
}

FittedTopK SeedContext::out_of_fold(const std::string& recommender) {
  if (recommender.empty()) return {};
  const auto& split = setup_.split_of(task_of(recommender));
  const FittedTopK base = fit_top_k(
      store_, setup_,
      {.stage = "base",
       .recommender = recommender,
       .dependencies = {"train"},
       .data = [&] { return positives_of(setup_, split.members(data::Part::kTrain), recommender + " (Base)"); },
       .epochs = std::nullopt},
      seed_);
  return fit_top_k(store_, setup_,
                   {.stage = "out-of-fold",
                    .recommender = recommender,
                    .dependencies = fold_lines_,
                    .data = [&] { return positives_of(setup_, fold_.before, recommender + " (out-of-fold)"); },
                    .epochs = std::max<std::int64_t>(1, base.best_epoch())},
                   seed_);
}

FittedRating SeedContext::rating_on(const std::string& stage, const InteractionSet& admitted, std::int64_t epochs) {
  const std::string& recommender = setup_.instructions.rating_backbone;
  return fit_rating(store_, setup_,
                    {.stage = stage,
                     .recommender = recommender,
                     .dependencies = fold_lines_,
                     .data = [&] { return ratings_of(setup_, admitted, recommender + " (" + stage + ")"); },
                     .epochs = epochs},
                    seed_);
}

void SeedContext::make_language_models() {
  if (const std::string& recommender = setup_.instructions.rating_backbone; !recommender.empty()) {
    const InteractionSet train = setup_.rating.members(data::Part::kTrain);
    const FittedRating base = fit_rating(store_, setup_,
                                         {.stage = "base",
                                          .recommender = recommender,
                                          .dependencies = {"train"},
                                          .data = [&] { return ratings_of(setup_, train, recommender + " (Base)"); },
                                          .epochs = std::nullopt},
                                         seed_);
    const auto epochs = std::max<std::int64_t>(1, base.best_epoch());
    rating_hints_ = rating_on("rating-hints", fold_.allowed, epochs);
    if (setup_.tunes) rating_ = rating_on("rating-out-of-fold", fold_.before, epochs);
  }
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
  direct_ = out_of_fold(setup_.instructions.direct_backbone);
  sequential_ = out_of_fold(setup_.instructions.sequential_backbone);
  TuningFit fit{
      .augmented = false,
      .suffix = "",
      .case_dependencies = out_of_fold_lines(),
      .make_cases = [this] { return tuning_cases(setup_, guard_, fold_, out_of_fold_models(), seed_); },
  };
  plain_ = tune_stage(store_, setup_, guard_, pretrained_, fit, seed_);
  fit.augmented = true;
  augmented_ = tune_stage(store_, setup_, guard_, pretrained_, fit, seed_);
}

TuningModels SeedContext::out_of_fold_models() const {
  return {.direct = direct_.model.get(), .sequential = sequential_.model.get(), .rating = rating_.model.get()};
}

std::vector<std::string> SeedContext::out_of_fold_lines() const {
  return {"direct=" + direct_.stage.key, "sequential=" + sequential_.stage.key, "rating=" + rating_.stage.key};
}

std::int64_t SeedContext::out_of_fold_epochs(data::Task task) const {
  const FittedTopK& fitted = task == data::Task::kSequential ? sequential_ : direct_;
  return fitted.stage.summary.at("epochs").get<std::int64_t>();
}

LanguageModel& SeedContext::answering(Phase phase, const RunModel& model) {
  if (remote_) return *remote_;
  if (opened_ && opened_key_ == model.stage.key) {  // it stays open: a large one takes long to read and to hash
    guard_.admit_language_model(phase, model.provenance);
    return *opened_;
  }
  opened_.reset();  // two need not fit into memory
  opened_ = open_language_model(setup_, guard_, phase, model);
  opened_key_ = model.stage.key;
  return *opened_;
}

void SeedContext::ask(StageFolder& folder, Phase phase, const RunModel& model,
                      const std::function<void(LanguageModel&, prompts::CaseWriter&)>& ask) {
  llm::JournaledModel journaled(answering(phase, model), store_.root() / "journal.sqlite");
  prompts::CaseWriter writer(
      setup_.texts, setup_.templates, setup_.prompts, seed_,
      [&journaled](const std::string& segment) { return journaled.count_tokens(segment); }, journaled.context_length());
  ask(journaled, writer);
  if (remote_) folder.summary["remote_account"] = to_json(remote_->account());  // since the run was started
  const llm::JournalAccounting& account = journaled.accounting();
  folder.summary["asked"] = account.asked;
  folder.summary["from_journal"] = account.reused;
  folder.summary["prompts"] = account.asked + account.reused;
  folder.summary["prompt_tokens"] = account.prompt_tokens + account.reused_prompt_tokens;
  folder.summary["answer_tokens"] = account.answer_tokens + account.reused_answer_tokens;
  folder.summary["trimmed_prompts"] = writer.trimming().trimmed_prompts;
  folder.summary["trimmed_items"] = writer.trimming().trimmed_items;
}

void SeedContext::close_model() { opened_.reset(); }

std::vector<std::string> SeedContext::asking_dependencies(const RunModel& model,
                                                          const std::vector<std::string>& without) const {
  std::vector<std::string> lines = setup_.dependencies({"prompts."}, without);
  lines.push_back(arithmetic(setup_.configuration.read<llm::EngineOptions>().precision));
  lines.push_back("model=" + model.stage.key);
  lines.push_back(fmt::format("seed={}", seed_));
  return lines;
}

nlohmann::ordered_json SeedContext::summaries() const {
  auto result = nlohmann::ordered_json::object();
  for (const auto* stage : {&rating_hints_.stage, &pretrained_.stage, &plain_.stage, &augmented_.stage}) {
    if (stage->path.empty()) continue;
    const std::string folder = stage->path.filename().string();
    result[folder.substr(0, folder.rfind('-'))] = stage->summary;
  }
  return result;
}

}  // namespace llama4rec::pipeline
