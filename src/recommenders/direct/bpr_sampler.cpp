#include "recommenders/direct/bpr_sampler.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include <llama4rec/error.h>

namespace llama4rec::recommenders {
namespace {

constexpr std::int64_t kLargestBitmap = std::int64_t{1} << 30;  // bits: 128 MiB
constexpr std::int64_t kBlock = 4096;                           // samples that share one random stream
constexpr int kTries = 64;                                      // of rejection, before the remaining items are listed

}  // namespace

BprSampler::BprSampler(const TopKTrainingData& data, const TrainingStatistics& statistics, double pair_weight,
                       std::uint64_t seed)
    : seed_(seed), items_(data.items) {
  for (std::int64_t item = 0; item < data.items; ++item) {
    if (statistics.known_items[static_cast<std::size_t>(item)]) known_.push_back(static_cast<ItemIndex>(item));
  }
  sorted_ = data.histories;
  for (auto& history : sorted_) {
    std::sort(history.begin(), history.end());
    history.erase(std::unique(history.begin(), history.end()), history.end());
  }
  if (data.items > 0 && data.users <= kLargestBitmap / data.items) {
    seen_bits_.assign(static_cast<std::size_t>(data.users * data.items / 64 + 1), 0);
    for (std::size_t user = 0; user < sorted_.size(); ++user) {
      for (const ItemIndex item : sorted_[user]) {
        const auto bit = static_cast<std::uint64_t>(static_cast<std::int64_t>(user) * items_ + item);
        seen_bits_[bit / 64] |= std::uint64_t{1} << (bit % 64);
      }
    }
  }
  const auto add = [&](UserIndex user, ItemIndex preferred, ItemIndex other, float weight) {
    source_users_.push_back(user);
    source_preferred_.push_back(preferred);
    source_others_.push_back(other);
    source_weights_.push_back(weight);
  };
  for (std::size_t user = 0; user < data.histories.size(); ++user) {
    if (sorted_[user].size() == known_.size()) {
      skipped_ += static_cast<std::int64_t>(data.histories[user].size());
      continue;
    }
    for (const ItemIndex item : data.histories[user]) add(static_cast<UserIndex>(user), item, -1, 1.0F);
  }
  for (const PreferencePair& pair : data.pairs) {
    add(pair.user, pair.preferred, pair.other, static_cast<float>(pair_weight));
  }
  if (source_users_.empty()) {
    throw DataError("training data: every user has seen every item, so that no preference can be learnt");
  }
  if (source_users_.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw DataError("training data: more than 4,294,967,295 interactions are not supported");
  }
  order_.resize(source_users_.size());
  users_.resize(order_.size());
  preferred_.resize(order_.size());
  others_.resize(order_.size());
  weights_.resize(order_.size());
  given_.resize(order_.size());
}

bool BprSampler::seen(UserIndex user, ItemIndex item) const {
  if (seen_bits_.empty()) {
    const auto& history = sorted_[static_cast<std::size_t>(user)];
    return std::binary_search(history.begin(), history.end(), item);
  }
  const auto bit = static_cast<std::uint64_t>(user * items_ + item);
  return ((seen_bits_[bit / 64] >> (bit % 64)) & 1U) != 0;
}

ItemIndex BprSampler::draw_other(UserIndex user, RandomStream& stream) const {
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const ItemIndex item = known_[stream.below(known_.size())];
    if (!seen(user, item)) return item;
  }
  std::vector<ItemIndex> remaining;
  std::copy_if(known_.begin(), known_.end(), std::back_inserter(remaining),
               [&](ItemIndex item) { return !seen(user, item); });
  return remaining[stream.below(remaining.size())];
}

BprSamples BprSampler::draw(std::int64_t epoch) {
  std::iota(order_.begin(), order_.end(), 0U);
  RandomStream shuffle(seed_, "recommenders.bpr.order", {static_cast<std::uint64_t>(epoch)});
  shuffle.shuffle(std::span(order_));
  const auto count = static_cast<std::int64_t>(order_.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t block = 0; block < (count + kBlock - 1) / kBlock; ++block) {
    RandomStream stream(seed_, "recommenders.bpr.negatives",
                        {static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(block)});
    for (std::int64_t n = block * kBlock; n < std::min(count, (block + 1) * kBlock); ++n) {
      const auto target = static_cast<std::size_t>(n);
      const std::size_t source = order_[target];
      users_[target] = source_users_[source];
      preferred_[target] = source_preferred_[source];
      weights_[target] = source_weights_[source];
      given_[target] = source_others_[source] >= 0 ? 1 : 0;
      others_[target] =
          source_others_[source] >= 0 ? source_others_[source] : draw_other(source_users_[source], stream);
    }
  }
  return {users_, preferred_, others_, weights_, given_};
}

}  // namespace llama4rec::recommenders
