#include "recommenders/direct/embedding_recommender.h"

#include <cmath>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/log.h"
#include "core/random.h"
#include "recommenders/epoch_loop.h"

namespace llama4rec::recommenders {
namespace {

bool on_cpu(const std::string& device) { return tensor::parse_device(device).is_cpu(); }

}  // namespace

std::vector<float> glorot_embeddings(const BprSettings& settings, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(settings.nodes() * settings.dimension));
  RandomStream stream(seed, "recommenders.embeddings");
  const double user_bound = std::sqrt(6.0 / static_cast<double>(settings.users + settings.dimension));
  const double item_bound = std::sqrt(6.0 / static_cast<double>(settings.items + settings.dimension));
  const auto first_item = static_cast<std::size_t>(settings.users * settings.dimension);
  for (std::size_t n = 0; n < values.size(); ++n) {
    const double bound = n < first_item ? user_bound : item_bound;
    values[n] = static_cast<float>((2 * stream.uniform() - 1) * bound);
  }
  return values;
}

std::unique_ptr<BprTrainer> EmbeddingRecommender::make_trainer(const TrainerParts& parts) const {
  return parts.fast ? make_fast_bpr_trainer(parts.shape, parts.initial)
                    : make_plain_bpr_trainer(parts.shape, parts.initial, settings_.device);
}

std::vector<float> EmbeddingRecommender::continued(const BprSettings& shape) const {
  if (!user_table_.defined()) throw UsageError(fmt::format("{}: there is no trained model to continue", name()));
  if (settings_.layers > 0 && !initial_table_.defined()) {
    throw UsageError(fmt::format("{}: the model's file has no initial embeddings to continue from", name()));
  }
  if (user_table_.size(0) != shape.users || item_table_.size(0) != shape.items ||
      user_table_.size(1) != shape.dimension) {
    throw DataError(fmt::format(
        "{}: the model to continue has {} users, {} items and {} dimensions, expected {}, {} and {}", name(),
        user_table_.size(0), item_table_.size(0), user_table_.size(1), shape.users, shape.items, shape.dimension));
  }
  const torch::Tensor table =
      (settings_.layers > 0 ? initial_table_ : torch::cat({user_table_, item_table_})).contiguous();
  return {table.data_ptr<float>(), table.data_ptr<float>() + table.numel()};
}

FitSummary EmbeddingRecommender::fit(const TopKTrainingData& data, const FitHooks& hooks) {
  BprSettings shape{.users = data.users,
                    .items = data.items,
                    .dimension = settings_.train.embedding,
                    .layers = settings_.layers,
                    .batch_size = settings_.train.batch_size,
                    .learning_rate = settings_.train.learning_rate,
                    .regularization = settings_.train.regularization,
                    .world = settings_.world};
  const auto initial =
      hooks.start == FitStart::kContinued ? continued(shape) : glorot_embeddings(shape, settings_.seed);
  begin_fit(data);
  BprSampler sampler(data, statistics(), settings_.pairs.pair_weight, settings_.seed);
  if (sampler.skipped() > 0) {
    log::warn("{}: {} interactions are of users that have seen every item; they teach no preference and are left out",
              name(), sampler.skipped());
  }
  InteractionGraph graph;
  if (settings_.layers > 0) graph = build_graph(data.histories, data.items);
  shape.graph = &graph;
  const bool fast = settings_.train.kernels == "fast" && on_cpu(settings_.device);
  const auto trainer =
      make_trainer({.data = data, .sampler = sampler, .shape = shape, .initial = initial, .fast = fast});

  struct Tables {
    torch::Tensor users;
    torch::Tensor items;
    torch::Tensor initial;
  } best;
  const EpochSteps steps{
      .train =
          [&](std::int64_t epoch) {
            trainer->begin_epoch(epoch);
            return trainer->train_epoch(sampler.draw(epoch));
          },
      .publish =
          [&] {
            const torch::Tensor table = tensor_of(trainer->final_embeddings(), {shape.nodes(), shape.dimension});
            user_table_ = table.narrow(0, 0, data.users).clone();
            item_table_ = table.narrow(0, data.users, data.items).clone();
            if (shape.layers > 0) {
              initial_table_ = tensor_of(trainer->initial_embeddings(), {shape.nodes(), shape.dimension});
            }
          },
      .keep = [&] { best = {.users = user_table_, .items = item_table_, .initial = initial_table_}; },
      .restore =
          [&] {
            user_table_ = best.users;
            item_table_ = best.items;
            initial_table_ = best.initial;
          },
      .state =
          [&] {
            NamedTensors state = trainer->state();
            state["best.users"] = best.users;
            state["best.items"] = best.items;
            state["best.initial"] = best.initial;
            return state;
          },
      .resume =
          [&](const NamedTensors& state) {
            trainer->restore(state);
            const auto table = [&](const std::string& name, std::int64_t rows) {
              return state.contains(name) ? required_state(state, name, torch::kFloat32, {rows, shape.dimension})
                                          : torch::Tensor();
            };
            best = {.users = table("best.users", shape.users),
                    .items = table("best.items", shape.items),
                    .initial = table("best.initial", shape.nodes())};
          },
      .world = settings_.world};
  return run_epochs(name(),
                    {.epochs = settings_.train.epochs,
                     .patience = settings_.train.patience,
                     .validate_every = settings_.train.validate_every},
                    hooks, steps);
}

torch::Tensor EmbeddingRecommender::score(std::span<const UserIndex> users,
                                          std::span<const std::vector<ItemIndex>> histories) const {
  check_scoring(users);
  const torch::NoGradGuard no_gradient;
  torch::Tensor scores = torch::mm(user_embeddings(users, histories), item_table_.t());
  for (std::size_t n = 0; n < users.size(); ++n) {
    const std::span<float> row(scores.data_ptr<float>() + static_cast<std::int64_t>(n) * items(),
                               static_cast<std::size_t>(items()));
    if (trained(users[n])) {
      lower_unknown(row);
    } else {
      popularity_row(row);
    }
  }
  return scores;
}

torch::Tensor EmbeddingRecommender::user_embeddings(std::span<const UserIndex> users,
                                                    std::span<const std::vector<ItemIndex>> /*histories*/) const {
  check_scoring(users);
  const std::int64_t dimension = item_table_.size(1);
  torch::Tensor rows = torch::zeros({static_cast<std::int64_t>(users.size()), dimension}, torch::kFloat32);
  const auto* from = user_table_.data_ptr<float>();
  auto* to = rows.data_ptr<float>();
  for (std::size_t n = 0; n < users.size(); ++n) {
    if (!trained(users[n])) continue;
    std::copy_n(from + users[n] * dimension, dimension, to + static_cast<std::int64_t>(n) * dimension);
  }
  return rows;
}

void EmbeddingRecommender::save(const std::filesystem::path& file) const {
  ModelFile content = file_content();
  content.tensors["user_embeddings"] = user_table_;
  content.tensors["item_embeddings"] = item_table_;
  if (initial_table_.defined()) content.tensors["initial_embeddings"] = initial_table_;
  content.settings["layers"] = std::to_string(settings_.layers);
  write_model(file, content);
}

void EmbeddingRecommender::load(const std::filesystem::path& file) {
  const ModelFile content = read_model(file, name());
  const TrainingStatistics counts = get_statistics(content, file);
  const auto item_table = required_tensor(content, file, "item_embeddings", torch::kFloat32,
                                          {static_cast<std::int64_t>(counts.item_counts.size()), -1});
  const auto user_table = required_tensor(content, file, "user_embeddings", torch::kFloat32,
                                          {static_cast<std::int64_t>(counts.user_counts.size()), item_table.size(1)});
  if (!item_table.isfinite().all().item<bool>() || !user_table.isfinite().all().item<bool>()) {
    throw DataError(fmt::format("{}: an embedding is not finite", file.string()));
  }
  torch::Tensor initial_table;
  if (settings_.layers > 0 && content.tensors.contains("initial_embeddings")) {
    initial_table = required_tensor(content, file, "initial_embeddings", torch::kFloat32,
                                    {user_table.size(0) + item_table.size(0), item_table.size(1)});
    if (!initial_table.isfinite().all().item<bool>()) {
      throw DataError(fmt::format("{}: an initial embedding is not finite", file.string()));
    }
  }
  begin_load(content, file);
  initial_table_ = initial_table;
  user_table_ = user_table;
  item_table_ = item_table;
}

}  // namespace llama4rec::recommenders
