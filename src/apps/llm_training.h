// What `llm init` and `llm tune` share: a training run with progress, and its report.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "apps/command.h"
#include "llm/embedded_llm.h"
#include "tensor/parallel/world.h"

namespace llama4rec::apps {

/// Trains with a bar that shows loss and tokens per second; keeps the run resumable in `folder`/training.safetensors, until
/// `report_training` has saved the model there. `hooks`: validation texts, processes.
llm::TrainingSummary train_with_progress(llm::EmbeddedLlm& model, const llm::TrainingSource& source,
                                         const llm::TrainingOptions& options, std::uint64_t seed,
                                         const std::filesystem::path& folder, llm::TrainingHooks hooks = {});

/// Saves the model, or its adapters, and prints what was done. With several processes all call it, and the leading one acts.
void report_training(const Context& context, const llm::EmbeddedLlm& model, const llm::TrainingSummary& summary,
                     const std::string& folder, const tensor::World& world);

}  // namespace llama4rec::apps
