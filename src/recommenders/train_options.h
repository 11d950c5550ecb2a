// The options that trained recommenders share.
#pragma once

#include <cstdint>
#include <string>

#include "config/options.h"

namespace llama4rec::recommenders {

/// Read by every recommender that is trained by gradient steps.
struct TrainOptions {
  std::int64_t epochs = 500;
  std::int64_t batch_size = 2048;
  double learning_rate = 3e-3;
  std::int64_t patience = 50;
  std::int64_t validate_every = 5;
  std::int64_t embedding = 64;
  double regularization = 1e-4;
  std::string kernels = "fast";
  void declare(config::OptionVisitor& visit);
};

/// How the answers of a language model enter the loss.
struct PairOptions {
  double pair_weight = 1;
  void declare(config::OptionVisitor& visit);
};

}  // namespace llama4rec::recommenders
