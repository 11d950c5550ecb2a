// What `llm init` and `llm tune` share: a training run with progress, and its report.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "apps/command.h"
#include "llm/embedded_llm.h"

namespace llama4rec::apps {

/// Trains with a bar that shows loss and tokens per second; keeps the run resumable in `folder`/training.safetensors, until
/// `report_training` has saved the model there.
llm::TrainingSummary train_with_progress(llm::EmbeddedLlm& model, const llm::TrainingSource& source,
                                         const llm::TrainingOptions& options, std::uint64_t seed,
                                         const std::filesystem::path& folder);

/// Saves the model and prints what was done.
void report_training(const Context& context, const llm::EmbeddedLlm& model, const llm::TrainingSummary& summary,
                     const std::string& folder);

}  // namespace llama4rec::apps
