#include "data/source_data.h"

#include <algorithm>
#include <limits>

#include <llama4rec/error.h>

namespace llama4rec::data {

std::pair<std::int32_t, bool> IdIndex::insert(std::string_view id) {
  if (positions_.size() >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw DataError("more than 2,147,483,647 different ids");
  }
  const auto [place, added] = positions_.try_emplace(id, static_cast<std::int32_t>(positions_.size()));
  return {place->second, added};
}

void add_notice(Dataset& dataset, const std::string& what, std::int64_t count) {
  if (count == 0) return;
  for (auto& notice : dataset.notices) {
    if (notice.what == what) {
      notice.count += count;
      return;
    }
  }
  dataset.notices.push_back({.what = what, .count = count});
}

}  // namespace llama4rec::data
