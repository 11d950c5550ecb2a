// The options that sequence models share.
#pragma once

#include <cstdint>
#include <string>

#include "config/options.h"
#include "recommenders/train_options.h"

namespace llama4rec::tensor {
class World;
}

namespace llama4rec::recommenders {

/// The encoder and how histories become training sequences.
struct SequenceOptions {
  std::int64_t layers = 2;
  std::int64_t heads = 1;
  std::int64_t expansion = 4;
  std::int64_t length = 50;
  double dropout = 0.2;
  std::int64_t batch_size = 128;
  std::string windows = "all";
  void declare(config::OptionVisitor& visit);
};

/// Everything that such a model is made from.
struct SequenceSettings {
  TrainOptions train;
  SequenceOptions sequence;
  std::string device = "cpu";
  std::uint64_t seed = 1;
  const tensor::World* world = nullptr;  ///< the processes that train together; null: this one alone
};

}  // namespace llama4rec::recommenders
