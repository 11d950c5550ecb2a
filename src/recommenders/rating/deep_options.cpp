#include "recommenders/rating/deep_options.h"

#include <cmath>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::recommenders {

void DeepRatingOptions::declare(config::OptionVisitor& visit) {
  visit.option("rating.start", start, config::one_of({"zero", "mean", "biases"}),
               "What fresh models predict before they have learnt: 0, the mean, or the regularised biases.");
  visit.option("rating.embedding_deviation", embedding_deviation, config::between(0, 10),
               "Standard deviation of fresh embeddings.");
  visit.option("rating.linear_deviation", linear_deviation, config::between(0, 10),
               "Standard deviation of fresh linear weights.");
  visit.option("rating.layer_deviation", layer_deviation, config::between(0, 10),
               "Standard deviation of fresh weights of layers; 0: Glorot's uniform values.");
  visit.option(
      "rating.row_regularization", row_regularization, config::between(0, 1e6),
      "Weight of an embedding's squared norm against the sum of squared errors, once for each embedding, as in als.");
  visit.option("rating.linear_regularization", linear_regularization, config::between(0, 1e6),
               "The same for a linear weight.");
  visit.option("rating.weight_decay", weight_decay, config::between(0, 1000),
               "Weight of half the squared parameters of layers against the mean squared error.");
  visit.option("rating.learning_rate_decay", learning_rate_decay, config::between(0.01, 1),
               "Factor of the learning rate from one epoch to the next.");
  visit.option(
      "rating.averaging", averaging, config::between(0, 0.999999),
      "Share that the running average of the parameters keeps at each step; the model is the average. 0: no average.");
  visit.option("rating.optimizer", optimizer, config::one_of({"adam", "lazy_adam"}),
               "Adam on the whole table, or only on the rows that a batch touches (for large tables).");
}

DeepRatingSettings deep_rating_settings(const config::Configuration& configuration, std::uint64_t seed) {
  DeepRatingSettings settings{.train = configuration.read<TrainOptions>(),
                              .rating = configuration.read<DeepRatingOptions>(),
                              .features = configuration.read<FeatureOptions>(),
                              .seed = seed};
  const auto unset = [&](const char* name) { return configuration.find(name) == nullptr; };
  if (unset("train.epochs")) settings.train.epochs = 200;
  if (unset("train.batch_size")) settings.train.batch_size = 256;
  if (unset("train.learning_rate")) settings.train.learning_rate = 1e-3;
  if (unset("train.patience")) settings.train.patience = 10;
  if (unset("train.validate_every")) settings.train.validate_every = 1;
  if (unset("train.embedding")) settings.train.embedding = 16;
  if (unset("train.regularization")) settings.train.regularization = 0;
  if (const auto* device = configuration.find("device")) settings.device = device->text;
  return settings;
}

std::vector<std::int64_t> layer_sizes(const std::string& option, const std::vector<double>& values) {
  constexpr double kMost = 65536;
  std::vector<std::int64_t> sizes;
  for (const double value : values) {
    if (!(value >= 1 && value <= kMost) || value != std::floor(value)) {
      throw UsageError(fmt::format("{}: {}, expected whole numbers from 1 to {}", option, value, kMost));
    }
    sizes.push_back(static_cast<std::int64_t>(value));
  }
  return sizes;
}

void declare_deep_part(config::OptionVisitor& visit, const std::string& name, std::vector<double>& hidden,
                       double& dropout) {
  visit.option(name + ".hidden", hidden, config::between(1, 65536), "Units of the deep part's hidden layers.");
  visit.option(name + ".dropout", dropout, config::between(0, 0.95), "Dropout behind each hidden layer.");
}

MlpOptions deep_part(const std::string& name, const std::vector<double>& hidden, double dropout, double deviation) {
  return {.hidden = layer_sizes(name + ".hidden", hidden), .dropout = dropout, .initial_deviation = deviation};
}

}  // namespace llama4rec::recommenders
