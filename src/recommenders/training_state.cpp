#include "recommenders/training_state.h"

#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/digest.h"
#include "core/seconds_since.h"
#include "recommenders/model_file.h"
#include "tensor/safetensors.h"

namespace llama4rec::recommenders {
namespace {

constexpr const char* kStateFormat = "llama4rec.training";
constexpr const char* kStateVersion = "1";

}  // namespace

StateKeeper::StateKeeper(std::string model, FitCheckpoint checkpoint)
    : model_(std::move(model)), checkpoint_(std::move(checkpoint)) {}

std::optional<StateKeeper::Kept> StateKeeper::read() const {
  if (!std::filesystem::exists(checkpoint_.file)) return std::nullopt;
  tensor::TensorFile in = tensor::read_safetensors(checkpoint_.file);
  // The header is read as a model's settings are: one set of errors for missing and damaged entries.
  ModelFile content{.model = model_, .tensors = {}, .settings = std::move(in.metadata), .provenance = {}};
  const auto text = [&](const char* name) { return required_text(content.settings, checkpoint_.file, name); };
  if (const auto format = content.settings.find("format");
      format == content.settings.end() || format->second != kStateFormat) {
    throw DataError(fmt::format("{}: not the state of a training of this program", checkpoint_.file.string()));
  }
  if (text("version") != kStateVersion) {
    throw DataError(
        fmt::format("{}: format version {}, expected {}", checkpoint_.file.string(), text("version"), kStateVersion));
  }
  if (text("model") != model_) {
    throw UsageError(fmt::format("{}: the state of a training of {}, not of {}; choose another file or remove it",
                                 checkpoint_.file.string(), text("model"), model_));
  }
  if (text("key") != sha256(checkpoint_.key)) {
    throw UsageError(fmt::format(
        "{}: the state of a training with other options, another seed or other data; choose another file or remove it",
        checkpoint_.file.string()));
  }
  const auto number = [&](const char* name) { return required_number(content, checkpoint_.file, name); };
  const auto count = [&](const char* name) {
    const double value = number(name);
    if (!(value >= 0 && value <= 1e15)) {
      throw DataError(fmt::format("{}: \"{}\" is damaged", checkpoint_.file.string(), name));
    }
    return static_cast<std::int64_t>(value);
  };
  Kept kept;
  kept.position = {.summary = {.epochs = count("epochs"),
                               .best_epoch = count("best_epoch"),
                               .train_seconds = number("train_seconds")},
                   .best = number("best"),
                   .ended = number("ended") != 0};
  if (kept.position.summary.epochs < 1 || kept.position.summary.best_epoch > kept.position.summary.epochs) {
    throw DataError(fmt::format("{}: the epochs are damaged", checkpoint_.file.string()));
  }
  kept.tensors = std::move(in.tensors);
  return kept;
}

bool StateKeeper::due() const { return enabled() && cost_ <= checkpoint_.time_share * seconds_since(last_); }

void StateKeeper::write(const TrainingPosition& position, const NamedTensors& tensors) {
  const auto start = std::chrono::steady_clock::now();
  tensor::TensorFile out;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.defined()) out.tensors[name] = tensor.detach().to(torch::kCPU).contiguous();
  }
  out.metadata = {{"format", kStateFormat},
                  {"version", kStateVersion},
                  {"model", model_},
                  {"key", sha256(checkpoint_.key)},
                  {"epochs", std::to_string(position.summary.epochs)},
                  {"best_epoch", std::to_string(position.summary.best_epoch)},
                  {"train_seconds", exact_text(position.summary.train_seconds)},
                  {"best", exact_text(position.best)},
                  {"ended", position.ended ? "1" : "0"}};
  tensor::write_safetensors(checkpoint_.file, out);
  last_ = std::chrono::steady_clock::now();
  cost_ = std::chrono::duration<double>(last_ - start).count();
}

torch::Tensor required_state(const NamedTensors& state, const std::string& name, torch::Dtype type,
                             std::initializer_list<std::int64_t> shape) {
  const ModelFile content{.model = {}, .tensors = state, .settings = {}, .provenance = {}};
  return required_tensor(content, "the kept state of the training", name, type, shape);
}

}  // namespace llama4rec::recommenders
