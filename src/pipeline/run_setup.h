// Everything that the stages of a run share and that no seed changes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "config/configuration.h"
#include "data/load.h"
#include "data/split.h"
#include "evaluation/evaluation_options.h"
#include "llm/checkpoint_description.h"
#include "pipeline/run_options.h"
#include "prompts/instruction_fold.h"
#include "prompts/instructions.h"
#include "prompts/item_texts.h"
#include "prompts/pretraining_text.h"
#include "prompts/prompt_options.h"
#include "prompts/templates.h"
#include "tensor/torch.h"

namespace llama4rec::pipeline {

/// Not movable: splits and texts point into the data set.
struct RunSetup {
  RunSetup(config::Configuration configuration, data::LoadedData loaded, torch::Device device);
  RunSetup(const RunSetup&) = delete;
  RunSetup& operator=(const RunSetup&) = delete;
  RunSetup(RunSetup&&) = delete;
  RunSetup& operator=(RunSetup&&) = delete;
  ~RunSetup() = default;

  config::Configuration configuration;
  data::LoadedData loaded;
  torch::Device device;

  RunOptions run;
  std::optional<llm::CheckpointDescription> checkpoint;  ///< the user's, where one answers; hashed once for all seeds
  bool tunes;  ///< language models are tuned on this run's instructions; else one model answers everything as it is
  bool chooses_augmentations;  ///< validation says which augmentations the method uses, so that all are asked about
  evaluation::EvaluationOptions evaluation;
  prompts::PromptOptions prompts;
  prompts::InstructionOptions instructions;
  prompts::PretrainingTextOptions pretraining_text;
  prompts::FoldOptions fold;

  data::Task task;  ///< the backbone's, which the run evaluates
  data::Split direct;
  data::Split sequential;
  data::Split rating;
  InteractionSet held_out;  ///< union over the tasks
  prompts::ItemTexts texts;
  prompts::Templates templates;

  [[nodiscard]] const Dataset& dataset() const { return loaded.dataset; }
  [[nodiscard]] const data::Split& split_of(data::Task of) const;
  /// Of the run's task.
  [[nodiscard]] const data::Split& split() const { return split_of(task); }
  /// The options for a recommender of this run: its profile (run.profiles), above it what the run sets. Of "train." and options that
  /// several models share only the backbone gets what the run sets.
  [[nodiscard]] config::Configuration options_of(const std::string& recommender) const;
  /// Lines for stage keys: the data set and every option with one of the prefixes, and none of `without`. What depends on
  /// prompts.style depends on what the user's templates say, wherever they lie.
  [[nodiscard]] std::vector<std::string> dependencies(const std::vector<std::string>& prefixes,
                                                      const std::vector<std::string>& without = {}) const;
};

/// The task of a recommender.
data::Task task_of(const std::string& recommender);

/// Finds the run's data set: on this machine, else by download where allowed, else the fallback; says on the log what it took.
data::LoadedData obtain_data(const config::Configuration& configuration);

}  // namespace llama4rec::pipeline
