#include "llm/training_state.h"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "tensor/mapped_safetensors.h"
#include "tensor/safetensors.h"

namespace llama4rec::llm {
namespace {

using OwnState = ParameterUnits::OwnState;

constexpr const char* kWeight = "weight.";
constexpr const char* kFirst = "first_moment.";
constexpr const char* kSecond = "second_moment.";

std::string position_json(const TrainingPosition& position, std::int64_t optimiser_steps, int parts) {
  const auto& summary = position.summary;
  return nlohmann::json{{"epoch", position.epoch},
                        {"batch", position.batch},
                        {"total_loss", position.total_loss},
                        {"learned", position.learned},
                        {"optimiser_steps", optimiser_steps},
                        {"parts", parts},
                        {"losses", summary.losses},
                        {"validation_losses", summary.validation_losses},
                        {"steps", summary.steps},
                        {"tokens", summary.tokens},
                        {"learned_tokens", summary.learned_tokens},
                        {"seconds", summary.seconds}}
      .dump();
}

/// The file of a part, beside the one that names it.
std::filesystem::path part_file(const std::filesystem::path& file, std::int64_t step, int rank) {
  return {fmt::format("{}.{}.{}", file.string(), step, rank)};
}

/// Removes parts of other steps.
void remove_parts(const std::filesystem::path& file, std::int64_t kept_step) {
  const auto begin = file.filename().string() + ".";
  const auto kept = fmt::format("{}{}.", begin, kept_step);
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  std::error_code error;
  std::vector<std::filesystem::path> old;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    const auto rest = name.starts_with(begin) ? name.substr(begin.size()) : "x";
    const bool part = rest.find_first_not_of("0123456789.") == std::string::npos;
    if (part && !name.starts_with(kept)) old.push_back(entry.path());
  }
  for (const auto& path : old) std::filesystem::remove(path, error);
}

void add_tensors(tensor::TensorFile& content, const ParameterUnits& units) {
  nlohmann::json places;
  for (const auto& state : units.own_state()) {
    content.tensors[kWeight + state.name] = state.weights.cpu().contiguous();
    content.tensors[kFirst + state.name] = state.first_moments.cpu().contiguous();
    content.tensors[kSecond + state.name] = state.second_moments.cpu().contiguous();
    places[state.name] = state.first;
  }
  content.metadata["first"] = places.dump();
}

/// Copies what a file has of the own elements; counts them by unit.
void restore(const std::filesystem::path& file, const std::string& key, const ParameterUnits& units,
             std::map<std::string, std::int64_t>& restored) {
  const torch::NoGradGuard no_grad;
  const tensor::MappedSafetensors content(file);
  const auto& metadata = content.header().metadata;
  if (!metadata.contains("key") || metadata.at("key") != key) {
    throw DataError({.file = file.string()},
                    "the training state belongs to another run (other options, seed, text or starting weights); "
                    "remove it to start over");
  }
  const auto places = nlohmann::json::parse(metadata.at("first"));
  for (const auto& state : units.own_state()) {
    for (const auto& [prefix, target] :
         {std::pair{kWeight, state.weights}, {kFirst, state.first_moments}, {kSecond, state.second_moments}}) {
      const auto name = prefix + state.name;
      const auto& entries = content.header().entries;
      const auto entry = std::find_if(entries.begin(), entries.end(), [&](const auto& it) { return it.name == name; });
      if (entry == entries.end() || entry->shape.size() != 1 || entry->type != "F32") {
        throw DataError({.file = file.string()}, fmt::format("the training state lacks a fitting tensor \"{}\"", name));
      }
      const auto first = places.at(state.name).get<std::int64_t>();
      const auto begin = std::max(first, state.first);
      const auto end = std::min({first + entry->shape[0], state.first + target.numel(), state.elements});
      if (begin >= end) continue;
      auto whole = torch::empty({entry->shape[0]}, torch::kFloat32);
      content.copy(*entry, whole);
      target.narrow(0, begin - state.first, end - begin).copy_(whole.narrow(0, begin - first, end - begin));
      if (prefix == kWeight) restored[state.name] += end - begin;
    }
  }
}

}  // namespace

void write_training_state(const std::filesystem::path& file, const std::string& key, const TrainingPosition& position,
                          const AdamW& optimiser, const ParameterUnits& units, const tensor::World& world) {
  const bool in_parts = !units.parts_are_everything();
  tensor::TensorFile content;
  content.metadata = {{"key", key}};
  if (in_parts) {
    tensor::TensorFile part = content;
    add_tensors(part, units);
    tensor::write_safetensors(part_file(file, position.summary.steps, world.rank()), part);
    world.meet();  // all parts are there before a file names them
  }
  if (world.leads()) {
    content.metadata["position"] = position_json(position, optimiser.steps, in_parts ? world.size() : 1);
    if (!in_parts) add_tensors(content, units);
    tensor::write_safetensors(file, content);
    remove_parts(file, in_parts ? position.summary.steps : -1);
  }
  if (world.size() > 1) world.meet();
}

void read_training_state(const std::filesystem::path& file, const std::string& key, TrainingPosition& position,
                         AdamW& optimiser, const ParameterUnits& units) {
  std::map<std::string, std::int64_t> restored;
  try {
    int parts = 0;
    {
      const tensor::MappedSafetensors main(file);
      const auto& metadata = main.header().metadata;
      if (!metadata.contains("key") || metadata.at("key") != key) {
        throw DataError({.file = file.string()},
                        "the training state belongs to another run (other options, seed, text or starting weights); "
                        "remove it to start over");
      }
      const auto json = nlohmann::json::parse(metadata.at("position"));
      position = {.epoch = json.at("epoch"),
                  .batch = json.at("batch"),
                  .total_loss = json.at("total_loss"),
                  .learned = json.at("learned"),
                  .summary = {.losses = json.at("losses"),
                              .validation_losses = json.at("validation_losses"),
                              .steps = json.at("steps"),
                              .tokens = json.at("tokens"),
                              .learned_tokens = json.at("learned_tokens"),
                              .seconds = json.at("seconds")}};
      optimiser.steps = json.at("optimiser_steps");
      parts = json.at("parts");
    }
    if (parts == 1) {
      restore(file, key, units, restored);
    } else {
      for (int rank = 0; rank < parts; ++rank) {
        const auto part = part_file(file, position.summary.steps, rank);
        if (!std::filesystem::exists(part)) {
          throw DataError({.file = part.string()},
                          fmt::format("is missing, part {} of {} of a training state", rank + 1, parts));
        }
        restore(part, key, units, restored);
      }
    }
  } catch (const Error&) {
    throw;
  } catch (const std::exception& problem) {
    throw DataError({.file = file.string()}, fmt::format("the training state is damaged: {}", problem.what()));
  }
  for (const auto& state : units.own_state()) {
    const auto expected = std::min(state.elements, state.first + state.weights.numel()) - state.first;
    if (expected > 0 && restored[state.name] != expected) {
      throw DataError({.file = file.string()}, fmt::format("the training state has {} of {} elements of {}",
                                                           restored[state.name], expected, state.name));
    }
  }
}

void remove_training_state(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::remove(file, error);
  remove_parts(file, -1);
}

}  // namespace llama4rec::llm
