#include "pipeline/run_checkpoint.h"

#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/log.h"
#include "core/text.h"
#include "llm/model_options.h"
#include "pipeline/run_options.h"

namespace llama4rec::pipeline {
namespace {

/// Options that were set and decide nothing: a checkpoint has its shape, and is not pre-trained.
std::vector<std::string> options_without_effect(const config::Configuration& configuration) {
  std::vector<std::string> names;
  for (const auto& row : config::rows_of<llm::ModelOptions>()) {
    if (configuration.find(row.name) != nullptr) names.push_back(row.name);
  }
  for (const auto& [name, row] : configuration.table().rows()) {
    if (name.starts_with("pretraining.") && configuration.find(name) != nullptr) names.push_back(name);
  }
  return names;
}

}  // namespace

std::optional<llm::CheckpointDescription> describe_run_checkpoint(const config::Configuration& configuration) {
  const auto run = configuration.read<RunOptions>();
  const std::string& folder = run.llm_checkpoint;
  if (!run.checkpoint()) {
    if (folder.empty()) return std::nullopt;
    throw UsageError(
        fmt::format("llm.checkpoint is {}, but llm.kind is {}; expected llm.kind: checkpoint", folder, run.llm_kind));
  }
  if (folder.empty()) throw UsageError("llm.kind is checkpoint, but llm.checkpoint is empty; expected a folder");
  if (!std::filesystem::is_directory(folder)) {
    throw UsageError(fmt::format("llm.checkpoint: {} is no folder", folder));
  }
  auto description = llm::describe_checkpoint(folder);
  log::info("checkpoint {}: {} parameters, context {}, fingerprint {}", description.name,
            text::with_thousands(description.parameters), description.context, description.fingerprint.substr(0, 8));
  log::warn("what the checkpoint {} was pre-trained on is not known: it may have read what the test asks for",
            description.name);
  if (const auto names = options_without_effect(configuration); !names.empty()) {
    log::warn("no effect on a checkpoint: {}", text::join(names, ", "));
  }
  return description;
}

}  // namespace llama4rec::pipeline
