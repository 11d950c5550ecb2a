// Files of rankings and of predicted ratings: what `train` dumps and `evaluate` reads. Tab-separated, one header line,
// original ids, so that any tool can write and read them.
//
//   user  item  rank  score          user  item  prediction  rating
//   196   50    1     4.25           196   242   3.6         3
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>

#include "evaluation/ranking.h"

namespace llama4rec::evaluation {

/// One user's list as read, best first.
struct UserRanking {
  std::string user;
  std::vector<std::string> items;
  std::vector<double> scores;  ///< as written; never NaN; may be infinite; order is given by the rank, not by them
  std::size_t line = 0;        ///< where the user's first row stands in the file, from 1
};

/// One predicted rating as read.
struct RatingPrediction {
  std::string user;
  std::string item;
  double prediction = 0;
  double rating = 0;
  std::size_t line = 0;  ///< in the file, from 1
};

/// Reads a rankings file. Strict: the exact header; four columns; a user's rows together, with ranks 1, 2, 3, ... in order and
/// no item twice; scores are numbers. Anything else is a DataError with line and column. Lines may end in CR LF. Whether the
/// ids exist in a data set is the caller's question.
std::vector<UserRanking> read_rankings(const std::filesystem::path& file);

/// Reads a predictions file, as strictly; no (user, item) pair twice; numbers are finite.
std::vector<RatingPrediction> read_predictions(const std::filesystem::path& file);

/// Writes the lists of `users` (by position) atomically, with the data set's original ids. Scores are written so that they
/// read back exactly. Users with an empty list have no row. DataError for an id that a TSV file cannot hold.
void write_rankings(const std::filesystem::path& file, const Dataset& dataset, std::span<const UserIndex> users,
                    std::span<const RankedList> lists);

/// Writes predicted and true ratings of pairs (users[n], items[n]), as above.
void write_predictions(const std::filesystem::path& file, const Dataset& dataset, std::span<const UserIndex> users,
                       std::span<const ItemIndex> items, std::span<const float> predictions,
                       std::span<const float> ratings);

}  // namespace llama4rec::evaluation
