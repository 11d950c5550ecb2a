// Options that the six rating models over one embedding table share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/configuration.h"
#include "recommenders/rating/features.h"
#include "recommenders/rating/interactions/mlp.h"
#include "recommenders/train_options.h"

namespace llama4rec::recommenders {

struct DeepRatingOptions {
  std::string start = "mean";
  double embedding_deviation = 0.01;
  double linear_deviation = 0;
  double layer_deviation = 0;
  double row_regularization = 0;
  double linear_regularization = 0;
  double weight_decay = 0;
  double learning_rate_decay = 1;
  double averaging = 0;
  std::string optimizer = "adam";
  void declare(config::OptionVisitor& visit);
};

/// Everything but a model's own options.
struct DeepRatingSettings {
  TrainOptions train;
  DeepRatingOptions rating;
  FeatureOptions features;
  std::string device = "cpu";  ///< anything but "cpu" selects the plain kernels
  std::uint64_t seed = 1;
};

/// The "train." options that nobody set have other defaults here than for ranking: a rating is one example, and batches are small.
DeepRatingSettings deep_rating_settings(const config::Configuration& configuration, std::uint64_t seed);

/// Units of a list option; UsageError where one is not a whole number from 1 to 65,536.
std::vector<std::int64_t> layer_sizes(const std::string& option, const std::vector<double>& values);

/// Declares NAME.hidden and NAME.dropout.
void declare_deep_part(config::OptionVisitor& visit, const std::string& name, std::vector<double>& hidden,
                       double& dropout);
/// The deep part of NAME from its options; `deviation` 0: Glorot's initial values.
MlpOptions deep_part(const std::string& name, const std::vector<double>& hidden, double dropout, double deviation);

}  // namespace llama4rec::recommenders
