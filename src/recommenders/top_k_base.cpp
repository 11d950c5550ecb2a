#include "recommenders/top_k_base.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/log.h"

namespace llama4rec::recommenders {

void TopKBase::begin_fit(const TopKTrainingData& data) {
  statistics_ = inspect(data);
  provenance_ = data.provenance;
  if (statistics_.empty_users > 0) {
    log::info("{}: {} of {} users have no training interaction and are scored by popularity", name(),
              statistics_.empty_users, data.users);
  }
}

void TopKBase::begin_load(const ModelFile& content, const std::filesystem::path& file) {
  statistics_ = get_statistics(content, file);
  provenance_ = content.provenance;
}

ModelFile TopKBase::file_content() const {
  ModelFile content{.model = name(), .tensors = {}, .settings = {}, .provenance = provenance_};
  put_statistics(statistics_, content);
  return content;
}

void TopKBase::check_scoring(std::span<const UserIndex> users) const {
  if (statistics_.item_counts.empty()) {
    throw InternalError(fmt::format("{}: asked for scores before it was fit or loaded", name()));
  }
  for (const UserIndex user : users) {
    if (user < 0) throw UsageError(fmt::format("{}: user {} is negative", name(), user));
  }
}

bool TopKBase::trained(UserIndex user) const {
  const auto n = static_cast<std::size_t>(user);
  return n < statistics_.user_counts.size() && statistics_.user_counts[n] > 0;
}

void TopKBase::popularity_row(std::span<float> row) const {
  std::transform(statistics_.item_counts.begin(), statistics_.item_counts.end(), row.begin(),
                 [](std::int64_t count) { return static_cast<float>(count); });
}

void TopKBase::lower_unknown(std::span<float> row) const {
  float lowest = std::numeric_limits<float>::max();
  bool all_known = true;
  for (std::size_t item = 0; item < row.size(); ++item) {
    if (statistics_.known_items[item]) {
      lowest = std::min(lowest, row[item]);
    } else {
      all_known = false;
    }
  }
  if (all_known) return;
  for (std::size_t item = 0; item < row.size(); ++item) {
    if (!statistics_.known_items[item]) row[item] = lowest;
  }
}

}  // namespace llama4rec::recommenders
