// Every recommender by name. Adding one: its pair of files, its line in registry.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <llama4rec/recommender.h>

#include "config/configuration.h"

namespace llama4rec::tensor {
class World;
}

namespace llama4rec::recommenders {

enum class RecommenderKind { kDirect, kSequential, kRating };

/// What the registry tells about a model.
struct RecommenderInfo {
  std::string name;   ///< "lightgcn"
  std::string title;  ///< "LightGCN", for tables
  RecommenderKind kind = RecommenderKind::kDirect;
  std::string source;  ///< the paper it comes from
};

[[nodiscard]] const std::vector<RecommenderInfo>& all();
/// UsageError with the nearest name when there is no such model.
[[nodiscard]] const RecommenderInfo& info(const std::string& name);

/// Beginnings of the names of all options that decide what a model of that name learns, for keys of stages.
[[nodiscard]] std::vector<std::string> option_prefixes(const std::string& name);

/// UsageError, which names those that can, where so many processes cannot train the model together.
void check_shared(const std::string& name, int processes);

/// A fresh model with the configured options; the seed decides initial weights and sampling. `world`: the processes that fit it together, each
/// with the same calls; it outlives the model. Null: this one alone.
std::unique_ptr<TopKRecommender> create_top_k(const std::string& name, const config::Configuration& configuration,
                                              std::uint64_t seed, const tensor::World* world = nullptr);
std::unique_ptr<RatingPredictor> create_rating(const std::string& name, const config::Configuration& configuration,
                                               std::uint64_t seed);
/// Adds every model's options and the common "train." ones to the table.
void add_options(config::OptionTable& table);

}  // namespace llama4rec::recommenders
