// A run whose language model is behind servers (llm.kind: remote): it cannot be tuned, so one model answers everything.
#pragma once

#include <cstdint>
#include <memory>

#include "llm/remote/remote_llm.h"
#include "pipeline/run_setup.h"
#include "pipeline/stage_store.h"

namespace llama4rec::pipeline {

/// Connects where the run is a remote one, else nothing. Says on the log that what such a model was trained on is not known: the leak
/// guard cannot vouch for it.
std::unique_ptr<llm::RemoteLlm> connect_remote_model(const RunSetup& setup, std::uint64_t seed);

/// Stands where tuned models' stages stand: its key is that of all that decides the model's answers, its summary what the servers said.
StageResult remote_model_stage(StageStore& store, const RunSetup& setup, const llm::RemoteLlm& model);

}  // namespace llama4rec::pipeline
