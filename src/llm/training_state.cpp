#include "llm/training_state.h"

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "tensor/safetensors.h"

namespace llama4rec::llm {
namespace {

constexpr const char* kWeight = "weight.";
constexpr const char* kFirst = "first_moment.";
constexpr const char* kSecond = "second_moment.";

std::string summary_json(const TrainingSummary& summary) {
  return nlohmann::json{
      {"losses", summary.losses}, {"validation_losses", summary.validation_losses}, {"steps", summary.steps},
      {"tokens", summary.tokens}, {"learned_tokens", summary.learned_tokens},       {"seconds", summary.seconds}}
      .dump();
}

TrainingSummary summary_of(const nlohmann::json& json) {
  return {.losses = json.at("losses"),
          .validation_losses = json.at("validation_losses"),
          .steps = json.at("steps"),
          .tokens = json.at("tokens"),
          .learned_tokens = json.at("learned_tokens"),
          .seconds = json.at("seconds")};
}

void restore(torch::Tensor target, const tensor::TensorFile& content, const std::string& name,
             const std::filesystem::path& file) {
  const torch::NoGradGuard no_grad;
  const auto found = content.tensors.find(name);
  if (found == content.tensors.end() || found->second.sizes() != target.sizes() ||
      found->second.scalar_type() != torch::kFloat32) {
    throw DataError({.file = file.string()}, fmt::format("the training state lacks a fitting tensor \"{}\"", name));
  }
  target.copy_(found->second);
}

}  // namespace

void write_training_state(const std::filesystem::path& file, const std::string& key, const TrainingPosition& position,
                          const AdamW& optimiser) {
  tensor::TensorFile content;
  content.metadata = {{"key", key},
                      {"next_epoch", std::to_string(position.next_epoch)},
                      {"optimiser_steps", std::to_string(optimiser.steps)},
                      {"summary", summary_json(position.summary)}};
  for (std::size_t i = 0; i < optimiser.parameters().size(); ++i) {
    const auto& [name, parameter] = optimiser.parameters()[i];
    content.tensors[kWeight + name] = parameter.detach().cpu().contiguous();
    content.tensors[kFirst + name] = optimiser.first_moments[i].cpu().contiguous();
    content.tensors[kSecond + name] = optimiser.second_moments[i].cpu().contiguous();
  }
  tensor::write_safetensors(file, content);
}

bool read_training_state(const std::filesystem::path& file, const std::string& key, TrainingPosition& position,
                         AdamW& optimiser) {
  if (!std::filesystem::exists(file)) return false;
  auto content = tensor::read_safetensors(file);
  if (content.metadata["key"] != key) {
    throw DataError({.file = file.string()},
                    "the training state belongs to another run (other options, seed, text or starting weights); "
                    "remove it to start over");
  }
  try {
    position.next_epoch = std::stoll(content.metadata.at("next_epoch"));
    optimiser.steps = std::stoll(content.metadata.at("optimiser_steps"));
    position.summary = summary_of(nlohmann::json::parse(content.metadata.at("summary")));
  } catch (const std::exception& problem) {
    throw DataError({.file = file.string()}, fmt::format("the training state is damaged: {}", problem.what()));
  }
  for (std::size_t i = 0; i < optimiser.parameters().size(); ++i) {
    const auto& [name, parameter] = optimiser.parameters()[i];
    restore(parameter.detach(), content, kWeight + name, file);
    restore(optimiser.first_moments[i], content, kFirst + name, file);
    restore(optimiser.second_moments[i], content, kSecond + name, file);
  }
  return true;
}

}  // namespace llama4rec::llm
