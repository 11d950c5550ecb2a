#include "recommenders/rating/deep_rating_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/log.h"
#include "recommenders/epoch_loop.h"
#include "recommenders/rating/option_settings.h"
#include "recommenders/rating/rating_base.h"

namespace llama4rec::recommenders {
namespace {

constexpr std::size_t kUserField = 0;

const FeatureField& item_field(const FeatureTable& features) {
  const auto& fields = features.fields;
  return *std::find_if(fields.begin(), fields.end(), [](const FeatureField& field) { return field.of_item; });
}

double mean_rating(const RatingTrainingData& data) {
  double sum = 0;
  for (const RatingExample& example : data.examples) sum += static_cast<double>(example.rating);
  return sum / static_cast<double>(data.examples.size());
}

/// The mean of the other rows in the row of the unknown.
void fill_unknown(const FeatureField& field, std::int64_t width, float* table) {
  float* to = table + field.first_row * width;
  for (std::int64_t k = 0; k < width; ++k) {
    double sum = 0;
    for (std::int64_t row = 1; row < field.rows; ++row) sum += static_cast<double>(to[row * width + k]);
    to[k] = static_cast<float>(sum / static_cast<double>(std::max<std::int64_t>(field.rows - 1, 1)));
  }
}

}  // namespace

RowPenalties row_penalties(const RatingNetwork& network, std::span<const RatingExample> examples, double row,
                           double linear, double sample) {
  std::vector<double> counts(static_cast<std::size_t>(network.features().rows), 0);
  for (const RatingExample& example : examples) {
    network.visit_rows(example.user, example.item,
                       [&](std::size_t, std::int32_t place, float) { ++counts[static_cast<std::size_t>(place)]; });
  }
  RowPenalties penalties;
  for (const double count : counts) {
    penalties.embedding.push_back(static_cast<float>(row / std::max(count, 1.0) + sample / 2));
    penalties.linear.push_back(static_cast<float>(linear / std::max(count, 1.0)));
  }
  return penalties;
}

RatingNetwork DeepRatingModel::network(const FeatureTable& features, std::int64_t dimension, double mean) const {
  return {features,
          dimension,
          [this](const ModelShape& shape, ParameterLayout& layout) { return interactions(shape, layout); },
          {.mean = mean,
           .deviation = settings_.rating.embedding_deviation,
           .linear_deviation = settings_.rating.linear_deviation}};
}

std::vector<float> DeepRatingModel::initial(const RatingTrainingData& data, const RatingNetwork& network) const {
  std::vector<float> values = network.layout().draw(settings_.seed);
  if (settings_.rating.start != "biases") return values;
  constexpr double kBiasWeight = 5;  // that of the floor
  const RatingBiases biases = fit_biases(data, kBiasWeight, kBiasWeight);
  const auto& features = network.features();
  float* linear = values.data() + network.linear();
  for (std::size_t user = 0; user < biases.users.size(); ++user) {
    linear[features.user_code(static_cast<UserIndex>(user))[0]] = static_cast<float>(biases.users[user]);
  }
  for (std::size_t item = 0; item < biases.items.size(); ++item) {
    linear[features.item_code(static_cast<ItemIndex>(item))[0]] = static_cast<float>(biases.items[item]);
  }
  return values;
}

std::vector<float> DeepRatingModel::continued(const RatingNetwork& network) const {
  if (parameters_.empty()) throw UsageError(fmt::format("{}: there is no trained model to continue", name()));
  if (static_cast<std::int64_t>(parameters_.size()) != network.layout().size() ||
      features_.rows != network.features().rows || features_.users() != network.features().users() ||
      features_.items() != network.features().items()) {
    throw DataError(fmt::format(
        "{}: the model to continue has {} users, {} items, {} features and {} parameters, expected {}, {}, {} and {}",
        name(), features_.users(), features_.items(), features_.rows, parameters_.size(), network.features().users(),
        network.features().items(), network.features().rows, network.layout().size()));
  }
  return parameters_;
}

void DeepRatingModel::publish(const RatingNetwork& network, std::vector<float> parameters) {
  for (const FeatureField* field : {std::as_const(features_).fields.data(), &item_field(features_)}) {
    fill_unknown(*field, 1, parameters.data() + network.linear());
    fill_unknown(*field, dimension_, parameters.data() + network.embeddings());
  }
  parameters_ = std::move(parameters);
}

FitSummary DeepRatingModel::fit(const RatingTrainingData& data, const FitHooks& hooks) {
  check_examples(data);
  const auto& options = settings_.rating;
  const FeatureTable features = build_features(data, settings_.features);
  const RatingNetwork net =
      network(features, settings_.train.embedding, options.start == "zero" ? 0 : mean_rating(data));
  const auto start = hooks.start == FitStart::kContinued ? continued(net) : initial(data, net);
  if (features.unseen_users + features.unseen_items > 0) {
    log::info("{}: {} users and {} items have no training rating; means of the others stand for them", name(),
              features.unseen_users, features.unseen_items);
  }
  const RowPenalties penalties = row_penalties(net, data.examples, options.row_regularization,
                                               options.linear_regularization, settings_.train.regularization);
  const RatingLearning learning{.batch_size = settings_.train.batch_size,
                                .learning_rate = settings_.train.learning_rate,
                                .decay = options.learning_rate_decay,
                                .weight_decay = options.weight_decay,
                                .averaging = options.averaging,
                                .lazy = options.optimizer == "lazy_adam",
                                .seed = settings_.seed};
  const bool fast = settings_.train.kernels == "fast" && tensor::parse_device(settings_.device).is_cpu();
  if (!fast && learning.lazy) {
    throw UsageError("rating.optimizer: lazy_adam needs the fast kernels on the CPU; use adam");
  }
  const auto trainer = fast ? make_fast_rating_trainer(net, penalties, learning, start)
                            : make_plain_rating_trainer(net, penalties, learning, start, settings_.device);
  features_ = features;
  dimension_ = settings_.train.embedding;
  minimum_ = data.rating_minimum;
  maximum_ = data.rating_maximum;
  provenance_ = data.provenance;

  std::vector<float> best;
  const EpochSteps steps{.train =
                             [&](std::int64_t epoch) {
                               return trainer->train_epoch(shuffled(data.examples, settings_.seed, epoch), epoch);
                             },
                         .publish = [&] { publish(net, trainer->parameters()); },
                         .keep = [&] { best = parameters_; },
                         .restore = [&] { parameters_ = best; },
                         .state =
                             [&] {
                               NamedTensors state = trainer->state();
                               if (!best.empty()) state["best"] = tensor_of(best, {-1});
                               return state;
                             },
                         .resume =
                             [&](const NamedTensors& state) {
                               trainer->restore(state);
                               if (!state.contains("best")) return;
                               const auto kept = required_state(state, "best", torch::kFloat32, {net.layout().size()});
                               best.assign(kept.data_ptr<float>(), kept.data_ptr<float>() + kept.numel());
                             }};
  return run_epochs(name(),
                    {.epochs = settings_.train.epochs,
                     .patience = settings_.train.patience,
                     .validate_every = settings_.train.validate_every},
                    hooks, steps);
}

torch::Tensor DeepRatingModel::predict(std::span<const UserIndex> users, std::span<const ItemIndex> items) const {
  if (users.size() != items.size()) {
    throw InternalError(fmt::format("{}: {} users and {} items", name(), users.size(), items.size()));
  }
  if (parameters_.empty()) throw InternalError(fmt::format("{}: asked to predict before it was fit or loaded", name()));
  for (std::size_t n = 0; n < users.size(); ++n) {
    if (users[n] < 0 || items[n] < 0) {
      throw UsageError(fmt::format("{}: user {} and item {}, expected no negative index", name(), users[n], items[n]));
    }
  }
  auto values =
      predict_pairs(network(features_, dimension_, 0), parameters_, {.users = users, .items = items, .ratings = {}});
  for (float& value : values) value = std::clamp(value, minimum_, maximum_);  // NaN stays: the loop around sees it
  return tensor_of(values, {-1});
}

torch::Tensor DeepRatingModel::user_embeddings(std::span<const UserIndex> users) const {
  if (parameters_.empty()) throw InternalError(fmt::format("{}: asked for users before it was fit or loaded", name()));
  torch::Tensor rows = torch::zeros({static_cast<std::int64_t>(users.size()), dimension_}, torch::kFloat32);
  const float* table = parameters_.data() + 1 + features_.rows;
  auto* to = rows.data_ptr<float>();
  for (const UserIndex user : users) {
    const std::int32_t row = features_.user_code(user)[0];
    if (row != features_.fields[kUserField].first_row) std::copy_n(table + row * dimension_, dimension_, to);
    to += dimension_;
  }
  return rows;
}

void DeepRatingModel::save(const std::filesystem::path& file) const {
  if (parameters_.empty()) throw InternalError(fmt::format("{}: asked to save before it was fit or loaded", name()));
  ModelFile content{.model = name(), .tensors = {}, .settings = {}, .provenance = provenance_};
  put_features(features_, content);
  OptionWriter writer(content.settings);
  const_cast<DeepRatingModel*>(this)->visit_architecture(writer);  // NOLINT: a visitor that only reads
  content.settings["embedding"] = std::to_string(dimension_);
  content.settings["rating_minimum"] = exact_text(static_cast<double>(minimum_));
  content.settings["rating_maximum"] = exact_text(static_cast<double>(maximum_));
  const RatingNetwork net = network(features_, dimension_, 0);
  for (const Parameter& parameter : net.layout().parameters()) {
    const auto first = parameters_.begin() + parameter.offset;
    content.tensors["parameter." + parameter.name] =
        tensor_of(std::vector<float>(first, first + parameter.size), parameter.shape);
  }
  write_model(file, content);
}

void DeepRatingModel::load(const std::filesystem::path& file) {
  const ModelFile content = read_model(file, name());
  FeatureTable features = get_features(content, file);
  const double dimension = required_number(content, file, "embedding");
  const double minimum = required_number(content, file, "rating_minimum");
  const double maximum = required_number(content, file, "rating_maximum");
  constexpr double kMostDimensions = 4096;
  if (!(dimension >= 1 && dimension <= kMostDimensions) || !(minimum <= maximum) || !std::isfinite(minimum) ||
      !std::isfinite(maximum)) {
    throw DataError(fmt::format("{}: the embeddings' dimension or the rating scale is damaged", file.string()));
  }
  OptionReader reader(content.settings, file);
  visit_architecture(reader);
  const RatingNetwork net = network(features, static_cast<std::int64_t>(dimension), 0);
  std::vector<float> parameters;
  for (const Parameter& parameter : net.layout().parameters()) {
    const auto found = content.tensors.find("parameter." + parameter.name);
    if (found == content.tensors.end() || found->second.scalar_type() != torch::kFloat32 ||
        found->second.sizes() != c10::IntArrayRef(parameter.shape)) {
      throw DataError(
          fmt::format("{}: the parameter {} is missing or of another shape", file.string(), parameter.name));
    }
    if (!found->second.isfinite().all().item<bool>()) {
      throw DataError(fmt::format("{}: the parameter {} is not finite", file.string(), parameter.name));
    }
    const auto values = found->second.contiguous();
    parameters.insert(parameters.end(), values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
  }
  features_ = std::move(features);
  dimension_ = static_cast<std::int64_t>(dimension);
  parameters_ = std::move(parameters);
  minimum_ = static_cast<float>(minimum);
  maximum_ = static_cast<float>(maximum);
  provenance_ = content.provenance;
}

}  // namespace llama4rec::recommenders
