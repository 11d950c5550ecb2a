// What one seed's run of any backbone shares: the fold, the leak guard, the recommenders behind the instructions, the language models.
// Its stages do not depend on the backbone, so runs of thirteen backbones make them once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/leak_guard.h"
#include "llm/journal.h"
#include "llm/remote/remote_llm.h"
#include "pipeline/language_model_stages.h"
#include "pipeline/recommender_stages.h"
#include "pipeline/run_setup.h"
#include "pipeline/stage_store.h"
#include "pipeline/tuning_cases.h"
#include "prompts/cases.h"
#include "prompts/instruction_fold.h"

namespace llama4rec::pipeline {

class SeedContext {
 public:
  SeedContext(const RunSetup& setup, StageStore& store, std::uint64_t seed);

  /// Fits what instructions are made from, makes and tunes the language models.
  void make_language_models();

  [[nodiscard]] const RunSetup& setup() const { return setup_; }
  [[nodiscard]] StageStore& store() { return store_; }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] const data::LeakGuard& guard() const { return guard_; }
  [[nodiscard]] const prompts::InstructionFold& fold() const { return fold_; }
  /// Lines for the keys of stages that depend on the fold.
  [[nodiscard]] const std::vector<std::string>& fold_lines() const { return fold_lines_; }
  /// Everything that a language model's text was made of.
  [[nodiscard]] const InteractionSet& read_by_language_models() const { return fold_.allowed; }

  /// The model tuned on plain prompts (IFT) or on augmented ones.
  [[nodiscard]] const RunModel& tuned(bool augmented) const { return augmented ? augmented_ : plain_; }
  /// What they were tuned from.
  [[nodiscard]] const RunModel& pretrained() const { return pretrained_; }
  /// The recommenders behind the instructions, fit before the fold's cuts; null where no such instructions are made.
  [[nodiscard]] TuningModels out_of_fold_models() const;
  /// Lines for the keys of stages that use them.
  [[nodiscard]] std::vector<std::string> out_of_fold_lines() const;
  /// The epochs of `instructions.direct_backbone` or `sequential_backbone` before the fold's cuts: as many as its Base's best one.
  [[nodiscard]] std::int64_t out_of_fold_epochs(data::Task task) const;
  /// Predicted ratings for the prompts of top-k tasks: from a model that has seen nothing that any task holds out. Null where
  /// instructions.rating_backbone is empty.
  [[nodiscard]] const RatingPredictor* rating_hints() const { return rating_hints_.model.get(); }
  [[nodiscard]] std::string rating_hints_key() const { return rating_hints_.stage.key; }

  /// Asks a model in a stage of a phase: calls `ask` with it behind the journal and with a writer of prompts, then writes what was asked into
  /// the stage's summary.
  void ask(StageFolder& folder, data::Phase phase, const RunModel& model,
           const std::function<void(LanguageModel&, prompts::CaseWriter&)>& ask);
  /// Closes the model that was asked last, before another one is trained: two need not fit into memory.
  void close_model();
  /// Lines for the keys of stages that ask `model`.
  [[nodiscard]] std::vector<std::string> asking_dependencies(const RunModel& model,
                                                             const std::vector<std::string>& without = {}) const;

  /// The summaries of the stages that made the models, by the name of the stage.
  [[nodiscard]] nlohmann::ordered_json summaries() const;

 private:
  [[nodiscard]] LanguageModel& answering(data::Phase phase, const RunModel& model);
  FittedTopK out_of_fold(const std::string& recommender);
  FittedRating rating_on(const std::string& stage, const InteractionSet& admitted, std::int64_t epochs);

  const RunSetup& setup_;
  StageStore& store_;
  std::uint64_t seed_;
  prompts::InstructionFold fold_;
  data::LeakGuard guard_;
  std::vector<std::string> fold_lines_;
  std::unique_ptr<llm::RemoteLlm> remote_;  ///< where servers answer
  FittedRating rating_hints_;
  FittedTopK direct_;  ///< this one and the next two: out-of-fold
  FittedTopK sequential_;
  FittedRating rating_;
  RunModel pretrained_;  ///< what is tuned, or answers as it is
  RunModel plain_;
  RunModel augmented_;
  std::unique_ptr<llm::EmbeddedLlm> opened_;  ///< the model that was asked last
  std::string opened_key_;
};

}  // namespace llama4rec::pipeline
