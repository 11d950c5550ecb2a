// What a reader hands over, and how it becomes a data set: one treatment for every format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <llama4rec/dataset.h>

#include "data/load.h"
#include "data/split.h"

namespace llama4rec::data {

/// A data set as its files tell it: interactions in the order of the file, nothing filtered, `user_offsets` empty.
struct SourceData {
  Dataset dataset;
  std::vector<Part> parts;        ///< one per interaction where the source has its own split, else empty
  double positive_threshold = 0;  ///< the data set's own
  std::int64_t core = 0;          ///< the data set's own k of the k-core; 0 = none
};

struct AssembleOptions {
  std::int64_t core = 0;
  float positive_threshold = 0;
  std::uint64_t order_seed = 1;
  std::uint64_t tie_seed = 0;  ///< above 0: equal timestamps of a user in a random order in place of the file's
};

/// Makes the data set, in this order: of several interactions of one user with one item the last by time is kept; k-core;
/// users and items without interactions are dropped; a user's interactions are sorted by timestamp, then by position in the
/// file, or permuted by the seed and the user's id where there are no timestamps. Users and items keep their source's
/// order. What was dropped is added to the notices. DataError when nothing is left or a pair is in two parts.
LoadedData assemble(SourceData source, const AssembleOptions& options);

/// DataError where a user's pair with an item is in two parts of an explicit split: either choice would change the split.
void require_one_part_per_pair(const SourceData& source);

/// Users and items of which both sides have at least `core` interactions: the flags that `assemble` keeps by. Removal is
/// repeated until nothing changes.
struct CoreMembers {
  std::vector<bool> users;
  std::vector<bool> items;
  std::int64_t rounds = 0;
};
CoreMembers k_core(const std::vector<Interaction>& interactions, std::int64_t users, std::int64_t items,
                   std::int64_t core);

/// Adds to a notice, or adds it; a count of 0 adds nothing.
void add_notice(Dataset& dataset, const std::string& what, std::int64_t count);

/// Positions by original id. Keys are views: what they point to must outlive the index.
class IdIndex {
 public:
  void reserve(std::size_t size) { positions_.reserve(size); }
  /// The position of an id that is new (true) or known (false).
  std::pair<std::int32_t, bool> insert(std::string_view id);
  /// The position, or -1.
  [[nodiscard]] std::int32_t find(std::string_view id) const {
    const auto found = positions_.find(id);
    return found == positions_.end() ? -1 : found->second;
  }
  [[nodiscard]] std::size_t size() const { return positions_.size(); }

 private:
  std::unordered_map<std::string_view, std::int32_t> positions_;
};

}  // namespace llama4rec::data
