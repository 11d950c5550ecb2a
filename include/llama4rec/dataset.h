// A recommendation data set in memory: users, items, their attributes, and who rated what, in order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace llama4rec {

using UserIndex = std::int32_t;         ///< position of a user in the data set, from 0
using ItemIndex = std::int32_t;         ///< position of an item in the data set, from 0
using InteractionIndex = std::int64_t;  ///< position of an interaction in the data set, from 0

/// One rating event.
struct Interaction {
  UserIndex user = 0;
  ItemIndex item = 0;
  float rating = 0;
  std::int64_t timestamp = 0;  ///< seconds; 0 where the data set has none
};

/// Text attributes of users or of items, one column each. An empty value means unknown; several values
/// of one cell (genres) are separated by '|'.
struct AttributeTable {
  std::vector<std::string> names;                ///< column names, such as "genres"
  std::vector<std::vector<std::string>> values;  ///< values[column][row]

  /// Position of a column, or -1.
  [[nodiscard]] std::int64_t find(const std::string& name) const {
    for (std::size_t column = 0; column < names.size(); ++column) {
      if (names[column] == name) return static_cast<std::int64_t>(column);
    }
    return -1;
  }
};

/// How a data set was treated on its way in; shown by `data stats` and kept in the manifest.
struct DatasetNotice {
  std::string what;  ///< for example "duplicate interactions dropped, the last kept"
  std::int64_t count = 0;
};

/// Users, items and interactions. Interactions are sorted by user, then by time (timestamp, then position in
/// the source file; a seeded permutation where there are no timestamps), so a user's interactions are contiguous and
/// chronological. Interaction indices are the identities that provenance is written in.
struct Dataset {
  std::string name;
  bool synthetic = false;
  bool has_timestamps = true;
  float rating_minimum = 1;        ///< the scale's lowest rating
  float rating_maximum = 5;        ///< the scale's highest rating
  float rating_step = 1;           ///< distance of two neighbouring ratings on the scale
  std::string item_noun = "item";  ///< what an item is called in prompts: "movie", "book"
  std::string source_hash;         ///< SHA-256 over the source files, hexadecimal

  std::vector<std::string> user_ids;     ///< original ids by user
  std::vector<std::string> item_ids;     ///< original ids by item
  std::vector<std::string> item_titles;  ///< UTF-8, as in the source; may be empty, may repeat
  AttributeTable user_attributes;
  AttributeTable item_attributes;

  std::vector<Interaction> interactions;       ///< sorted as described above
  std::vector<InteractionIndex> user_offsets;  ///< [users + 1], where each user's interactions begin
  std::vector<DatasetNotice> notices;

  [[nodiscard]] std::int64_t users() const { return static_cast<std::int64_t>(user_ids.size()); }
  [[nodiscard]] std::int64_t items() const { return static_cast<std::int64_t>(item_ids.size()); }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(interactions.size()); }

  /// The user's interactions, oldest first.
  [[nodiscard]] std::span<const Interaction> of_user(UserIndex user) const {
    const auto begin = static_cast<std::size_t>(user_offsets[static_cast<std::size_t>(user)]);
    const auto end = static_cast<std::size_t>(user_offsets[static_cast<std::size_t>(user) + 1]);
    return std::span(interactions).subspan(begin, end - begin);
  }
};

}  // namespace llama4rec
