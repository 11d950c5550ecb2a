// Making the language models of a run: pre-training or the user's checkpoint, then tuning on plain and on augmented prompts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <llama4rec/provenance.h>

#include "data/leak_guard.h"
#include "llm/embedded_llm.h"
#include "pipeline/run_setup.h"
#include "pipeline/stage_store.h"
#include "pipeline/tuning_cases.h"
#include "prompts/instruction_fold.h"

namespace llama4rec::pipeline {

/// A language model between the stages of a run.
struct RunModel {
  StageResult stage;  ///< that made it or stands for it: its key is part of the keys of all that is asked of the model
  std::filesystem::path folder;  ///< that it is read from; empty where servers answer
  std::filesystem::path base;    ///< what it was tuned from, which adapters need: wherever that lies now
  llm::ChatOptions chat;         ///< how it is asked; models of this run remember
  Provenance provenance;         ///< what this run has shown it; a checkpoint's pre-training is not known and not in it
};

/// What a precision option means on this machine, for the keys of stages: "auto" must not stand for two things.
std::string arithmetic(const std::string& precision);

/// A small model made on the spot, pre-trained on the text before the fold's cuts. The stage's folder holds `model/`,
/// `tokenizer.model` and `provenance.json`; its summary the losses.
RunModel pretrain_stage(StageStore& store, const RunSetup& setup, const data::LeakGuard& guard,
                        const prompts::InstructionFold& fold, std::uint64_t seed);

/// The checkpoint of `setup`. Its stage copies nothing: it holds what the checkpoint is, and its key is that of the checkpoint's content and chat
/// template, wherever the folder lies.
RunModel checkpoint_stage(StageStore& store, const RunSetup& setup);

/// What to tune on.
struct TuningFit {
  bool augmented = false;                      ///< prompts with hints and similar users
  std::string suffix;                          ///< of the stage's name, which tells models of a run apart
  std::vector<std::string> case_dependencies;  ///< what decides the cases, beside options and seed
  std::function<TuningCases()> make_cases;     ///< called only if the stage is not done
};

/// The pre-trained model tuned on instructions (paper, eq. 7). The stage's folder holds `model/`, `provenance.json` (what `pretrained` had
/// read included) and `instructions.jsonl` (Alpaca's form), its summary the instructions' statistics.
RunModel tune_stage(StageStore& store, const RunSetup& setup, const data::LeakGuard& guard, const RunModel& pretrained,
                    const TuningFit& fit, std::uint64_t seed);

/// Reads a model, after the guard has admitted its provenance to the phase.
std::unique_ptr<llm::EmbeddedLlm> open_language_model(const RunSetup& setup, const data::LeakGuard& guard,
                                                      data::Phase phase, const RunModel& model);

}  // namespace llama4rec::pipeline
