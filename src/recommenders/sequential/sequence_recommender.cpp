#include "recommenders/sequential/sequence_recommender.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/random.h"
#include "recommenders/direct/adam.h"
#include "recommenders/epoch_loop.h"
#include "tensor/parallel/world.h"
#include "tensor/runtime.h"

namespace llama4rec::recommenders {
namespace {

using torch::Tensor;

constexpr std::int64_t kScoredAtOnce = 512;

std::span<float> span_of(const Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

/// One step; on another device the few weights visit the CPU.
void update(SequenceEncoder& encoder, Adam& adam) {
  const torch::NoGradGuard no_gradient;
  auto weights = encoder.weights().to(torch::kCPU);
  const auto gradient = encoder.gradient().to(torch::kCPU);
  adam.step(span_of(weights), span_of(gradient));
  if (!encoder.device().is_cpu()) encoder.weights().copy_(weights);
}

}  // namespace

EncoderShape SequenceRecommender::shape(std::int64_t items) const {
  return {.items = items,
          .length = settings_.sequence.length,
          .dimension = settings_.train.embedding,
          .layers = settings_.sequence.layers,
          .heads = settings_.sequence.heads,
          .expansion = settings_.sequence.expansion,
          .dropout = settings_.sequence.dropout};
}

void SequenceRecommender::take(std::unique_ptr<SequenceEncoder> encoder) {
  const bool fast = settings_.train.kernels == "fast" && encoder->device().is_cpu();
  kernels_ = fast ? make_fast_sequence_kernels(encoder->shape()) : make_plain_sequence_kernels();
  encoder_ = std::move(encoder);
}

double SequenceRecommender::train_epoch(std::span<const Sequence> windows, std::int64_t epoch,
                                        const tensor::World& world, Adam& adam) {
  double total = 0;
  double targets = 0;
  std::uint64_t number = 0;
  for (const auto& places : plan_sequence_batches(windows, settings_.sequence.batch_size, settings_.seed, epoch)) {
    std::vector<Sequence> batch;
    for (const auto place : places) batch.push_back(windows[place]);
    const auto step_seed =
        derived_seed(settings_.seed, "recommenders.sequence_step", {static_cast<std::uint64_t>(epoch), number++});
    auto taught = lesson(encoder_->shape(), batch, step_seed);
    if (world.size() > 1) {
      if (taught.contrast) throw InternalError("a contrast couples all rows of a batch: processes cannot share it");
      taught.own = world.own_share(batch.size());
    }
    const double value = kernels_->loss_and_gradient(*encoder_, taught);
    world.sum(encoder_->gradient());
    update(*encoder_, adam);
    total += value * static_cast<double>(taught.targets.size());
    targets += static_cast<double>(taught.targets.size());
  }
  return world.sum(total) / targets;
}

FitSummary SequenceRecommender::fit(const TopKTrainingData& data, const FitHooks& hooks) {
  const auto device = tensor::parse_device(settings_.device);
  const bool continued = hooks.start == FitStart::kContinued;
  if (continued) {
    if (encoder_ == nullptr) throw UsageError(fmt::format("{}: there is no trained model to continue", name()));
    if (encoder_->shape().items != data.items) {
      throw DataError(fmt::format("{}: the model to continue has {} items, expected {}", name(),
                                  encoder_->shape().items, data.items));
    }
  }
  // A model that is continued has the length that it was made with, whatever the option says now.
  const auto length = continued ? encoder_->shape().length : settings_.sequence.length;
  const auto windows = training_windows(data.histories, window_length(length), settings_.sequence.windows);
  if (windows.empty()) {
    throw DataError(fmt::format("{}: no user has two interactions; there is no sequence to learn from", name()));
  }
  begin_fit(data);  // refused data leave the model as it was
  if (!continued) take(std::make_unique<SequenceEncoder>(shape(data.items), settings_.seed, device));
  auto& weights = encoder_->weights();
  Adam adam(static_cast<std::size_t>(weights.numel()), settings_.train.learning_rate);
  Tensor best;
  const tensor::World alone;
  const tensor::World& world = settings_.world == nullptr ? alone : *settings_.world;
  const EpochSteps steps{
      .train = [&](std::int64_t epoch) { return train_epoch(windows, epoch, world, adam); },
      .publish = {},
      .keep = [&] { best = weights.clone(); },
      .restore = [&] { weights.copy_(best); },
      .state = [&]() -> NamedTensors {
        return {{"weights", weights},
                {"adam.first", tensor_of(adam.first(), {weights.numel()})},
                {"adam.second", tensor_of(adam.second(), {weights.numel()})},
                {"adam.steps", torch::tensor({adam.steps()}, torch::kInt64)},
                {"best", best}};
      },
      .resume =
          [&](const NamedTensors& state) {
            const auto values = [&](const char* name) {
              return required_state(state, name, torch::kFloat32, {weights.numel()});
            };
            const auto vector = [&](const char* name) {
              const auto tensor = values(name).contiguous();
              return std::vector<float>(tensor.data_ptr<float>(), tensor.data_ptr<float>() + tensor.numel());
            };
            const auto count = required_state(state, "adam.steps", torch::kInt64, {1}).item<std::int64_t>();
            adam.restore(count, vector("adam.first"), vector("adam.second"));
            weights.copy_(values("weights"));
            if (state.contains("best")) best = values("best").clone().to(device);
          },
      .world = &world};
  return run_epochs(name(),
                    {.epochs = settings_.train.epochs,
                     .patience = settings_.train.patience,
                     .validate_every = settings_.train.validate_every},
                    hooks, steps);
}

Sequence SequenceRecommender::known_part(const std::vector<ItemIndex>& history) const {
  Sequence known;
  const auto& in_training = known_items();
  for (const auto item : history) {
    if (item >= 0 && item < items() && in_training[static_cast<std::size_t>(item)]) known.push_back(item);
  }
  return known;
}

Tensor SequenceRecommender::user_embeddings(std::span<const UserIndex> users,
                                            std::span<const std::vector<ItemIndex>> histories) const {
  check_scoring(users);
  if (users.size() != histories.size()) {
    throw InternalError(fmt::format("{}: {} users and {} histories", name(), users.size(), histories.size()));
  }
  const torch::NoGradGuard no_gradient;
  const auto count = static_cast<std::int64_t>(users.size());
  Tensor result = torch::zeros({count, encoder_->shape().dimension}, torch::kFloat32);
  for (std::int64_t begin = 0; begin < count; begin += kScoredAtOnce) {
    const auto end = std::min(count, begin + kScoredAtOnce);
    std::vector<Sequence> inputs;
    for (auto n = begin; n < end; ++n) {
      const auto known = known_part(histories[static_cast<std::size_t>(n)]);
      inputs.push_back(known.empty() ? Sequence{} : input_of(known, encoder_->shape()));
    }
    result.narrow(0, begin, end - begin).copy_(kernels_->end_states(*encoder_, inputs, sight()));
  }
  return result;
}

Tensor SequenceRecommender::score(std::span<const UserIndex> users,
                                  std::span<const std::vector<ItemIndex>> histories) const {
  const torch::NoGradGuard no_gradient;
  Tensor scores =
      torch::mm(user_embeddings(users, histories), encoder_->item_embeddings().to(torch::kCPU).t()).contiguous();
  for (std::size_t n = 0; n < users.size(); ++n) {
    const std::span<float> row(scores.data_ptr<float>() + static_cast<std::int64_t>(n) * items(),
                               static_cast<std::size_t>(items()));
    if (known_part(histories[n]).empty()) {
      popularity_row(row);
    } else {
      lower_unknown(row);
    }
  }
  return scores;
}

void SequenceRecommender::save(const std::filesystem::path& file) const {
  ModelFile content = file_content();
  content.tensors["weights"] = encoder_->weights().to(torch::kCPU);
  const auto& shape = encoder_->shape();
  content.settings["length"] = std::to_string(shape.length);
  content.settings["dimension"] = std::to_string(shape.dimension);
  content.settings["layers"] = std::to_string(shape.layers);
  content.settings["heads"] = std::to_string(shape.heads);
  content.settings["expansion"] = std::to_string(shape.expansion);
  write_model(file, content);
}

void SequenceRecommender::load(const std::filesystem::path& file) {
  const ModelFile content = read_model(file, name());
  const TrainingStatistics counts = get_statistics(content, file);
  const auto setting = [&](const char* name, double most) {
    const double value = required_number(content, file, name);
    if (!(value >= 1 && value <= most) || value != std::floor(value)) {
      throw DataError(
          fmt::format("{}: {} is {}, expected a whole number from 1 to {}", file.string(), name, value, most));
    }
    return static_cast<std::int64_t>(value);
  };
  EncoderShape shape{.items = static_cast<std::int64_t>(counts.item_counts.size()),
                     .length = setting("length", 4096),
                     .dimension = setting("dimension", 4096),
                     .layers = setting("layers", 64),
                     .heads = setting("heads", 64),
                     .expansion = setting("expansion", 16),
                     .dropout = settings_.sequence.dropout};
  if (shape.dimension % shape.heads != 0) {
    throw DataError(
        fmt::format("{}: {} heads do not divide {} dimensions", file.string(), shape.heads, shape.dimension));
  }
  const auto weights = required_tensor(content, file, "weights", torch::kFloat32, {weight_count(shape)});
  if (!weights.isfinite().all().item<bool>()) {
    throw DataError(fmt::format("{}: a weight is not finite", file.string()));
  }
  auto encoder = std::make_unique<SequenceEncoder>(shape, settings_.seed, tensor::parse_device(settings_.device));
  encoder->weights().copy_(weights);
  begin_load(content, file);
  take(std::move(encoder));
}

}  // namespace llama4rec::recommenders
