// The rows of a run's table before they are averaged over the seeds.
#pragma once

#include <string>
#include <vector>

#include "aggregation/grid.h"
#include "evaluation/metrics.h"

namespace llama4rec::pipeline {

/// One row of one seed.
struct SeedRow {
  std::string name;          ///< stable: "base", "ift", "llama4rec", "fusion: random order"
  std::string title;         ///< for tables
  evaluation::PerUser test;  ///< per-user metrics, by position in `SeedRows::users`
  double validation = -1;    ///< this seed's value of the choosing metric on validation; -1 where it was not looked at
  std::string method;        ///< the way of asking the language model, where the row has one
  std::string utility;       ///< of a fusion: "position", "reciprocal", "probability" or "score"
  double a1 = -1;            ///< chosen weights; -1 where the row has none
  double a2 = -1;
  double weight = -1;  ///< a constant weight
};

/// All rows of one seed over the same test users.
struct SeedRows {
  std::vector<UserIndex> users;
  std::vector<SeedRow> rows;                            ///< base, ift, llama4rec first
  std::vector<std::vector<ItemIndex>> llama4rec_lists;  ///< top-k: the final order, for examples and recommendations
  std::vector<double> llama4rec_ratings;                ///< rating prediction: the final ratings
  std::vector<double> weights;                          ///< a_u by user
};

/// The rows of all seeds.
struct RunRows {
  std::vector<SeedRows> seeds;       ///< the same rows and users in each
  aggregation::WeightChoice choice;  ///< of the llama4rec row: the whole grid
  bool data_augmented = true;        ///< whether the llama4rec row's backbone is the refit; else Base
  bool prompts_augmented = true;     ///< and whether its prompts are augmented
};

/// Title of the llama4rec row where validation chose what is augmented.
inline std::string method_title(bool data_augmented, bool prompts_augmented) {
  if (data_augmented && prompts_augmented) return "Llama4Rec (by validation: both augmentations)";
  if (prompts_augmented) return "Llama4Rec (by validation: prompt augmentation alone)";
  if (data_augmented) return "Llama4Rec (by validation: data augmentation alone)";
  return "Llama4Rec (by validation: fusion alone)";
}

}  // namespace llama4rec::pipeline
