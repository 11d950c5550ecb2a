// Users and items as rows of one embedding table: a field for the user, the item and each of their attributes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <llama4rec/recommender.h>

#include "config/options.h"

namespace llama4rec::recommenders {

struct FeatureOptions {
  std::int64_t minimum_count = 2;
  std::int64_t bins = 20;
  std::string multivalued = "mean";
  bool attributes = true;
  void declare(config::OptionVisitor& visit);
};

/// One categorical input. Its rows of the table are [first_row, first_row + rows): the first stands for "unknown", the second, except in
/// the fields of users, items and flags, for all values that are too rare for a row of their own.
struct FeatureField {
  std::string name;            ///< "user", "item", an attribute's name, "genres=Drama" for a flag
  bool of_item = false;        ///< whose attribute it is
  std::int64_t first_row = 0;  ///< in the embedding table
  std::int64_t rows = 0;
  std::int64_t first_slot = 0;  ///< among the slots of the user's or the item's code
  std::int64_t slots = 1;       ///< more than 1: the mean of the rows in these slots that are not -1
};

/// How users and items are written in rows of the table.
struct FeatureTable {
  std::vector<FeatureField>
      fields;             ///< user, its attributes, item, its attributes; in the order of the attribute tables
  std::int64_t rows = 0;  ///< of all fields together
  std::int64_t user_slots = 0;
  std::int64_t item_slots = 0;
  std::vector<std::int32_t>
      user_codes;  ///< [users + 1, user_slots]; the last is a user that the data set does not have
  std::vector<std::int32_t> item_codes;  ///< [items + 1, item_slots]; likewise
  std::int64_t unseen_users = 0;         ///< without a training rating: the user field's "unknown" row stands for them
  std::int64_t unseen_items = 0;

  [[nodiscard]] std::int64_t users() const;
  [[nodiscard]] std::int64_t items() const;
  /// [slots] of a user or an item; an index beyond the table is the unknown one.
  [[nodiscard]] std::span<const std::int32_t> user_code(UserIndex user) const;
  [[nodiscard]] std::span<const std::int32_t> item_code(ItemIndex item) const;
};

/// Builds the table: nothing in it is specific to a data set.
/// - A column whose cells are numbers with more than `bins` different values is cut into `bins` quantiles.
/// - A column with several values in a cell ("a|b") is one field with the mean of its rows, or a flag per value ("flags", up to 64 values).
/// - An empty cell is "unknown"; a value of fewer than `minimum_count` users or items is "rare".
/// - Users and items without a training example are "unknown" in their own field; their attributes remain.
/// DataError when an attribute column has another length than the data.
FeatureTable build_features(const RatingTrainingData& data, const FeatureOptions& options);

}  // namespace llama4rec::recommenders
