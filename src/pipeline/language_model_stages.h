// Making the language models of a run: pre-training, then tuning on plain and on augmented prompts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "data/leak_guard.h"
#include "llm/embedded_llm.h"
#include "pipeline/ranking_cases.h"
#include "pipeline/run_setup.h"
#include "pipeline/stage_store.h"
#include "prompts/instruction_fold.h"

namespace llama4rec::pipeline {

/// What a precision option means on this machine, for the keys of stages: "auto" must not stand for two things.
std::string arithmetic(const std::string& precision);

/// A small model made on the spot, pre-trained on the text before the fold's cuts. The stage's folder holds `model/`,
/// `tokenizer.model` and `provenance.json`; its summary the losses.
StageResult pretrain_stage(StageStore& store, const RunSetup& setup, const data::LeakGuard& guard,
                           const prompts::InstructionFold& fold, std::uint64_t seed);

/// The pre-trained model tuned on instructions (paper, eq. 7). `make_cases` is called only if the stage is not done. The
/// stage's folder holds `model/`, `provenance.json` (the pre-training's included) and `instructions.jsonl` (Alpaca's form), its summary the instructions' statistics.
StageResult tune_stage(StageStore& store, const RunSetup& setup, const data::LeakGuard& guard,
                       const StageResult& pretrained, bool augmented, const std::vector<std::string>& case_dependencies,
                       const std::function<TuningCases()>& make_cases, std::uint64_t seed);

/// The model of a finished stage, after the guard has admitted its provenance to the phase.
std::unique_ptr<llm::EmbeddedLlm> open_language_model(const RunSetup& setup, const data::LeakGuard& guard,
                                                      data::Phase phase, const StageResult& stage);

}  // namespace llama4rec::pipeline
