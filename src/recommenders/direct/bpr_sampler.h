// Samples of the pairwise ranking loss: a user, an item they prefer, an item they prefer less.
//
// Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <llama4rec/recommender.h>

#include "core/random.h"
#include "recommenders/training_statistics.h"

namespace llama4rec::recommenders {

/// Samples in training order; a batch is a slice. All spans have one element per sample.
struct BprSamples {
  std::span<const UserIndex> users;
  std::span<const ItemIndex> preferred;
  std::span<const ItemIndex> others;
  std::span<const float> weights;
  /// 1 where `others` was given by data augmentation, 0 where it was drawn; empty: all were drawn.
  std::span<const std::uint8_t> given = {};

  [[nodiscard]] std::size_t size() const { return users.size(); }
  [[nodiscard]] BprSamples slice(std::size_t begin, std::size_t count) const {
    return {users.subspan(begin, count), preferred.subspan(begin, count), others.subspan(begin, count),
            weights.subspan(begin, count), given.empty() ? given : given.subspan(begin, count)};
  }
  [[nodiscard]] bool is_given(std::size_t sample) const { return !given.empty() && given[sample] != 0; }
};

/// Draws the samples of an epoch: every observed interaction once, with an item drawn uniformly from the known items outside
/// the user's history, and every augmentation pair once (paper, eq. 2), shuffled together. The samples depend on the seed
/// and the epoch only, not on the number of threads.
class BprSampler {
 public:
  BprSampler(const TopKTrainingData& data, const TrainingStatistics& statistics, double pair_weight,
             std::uint64_t seed);

  /// The samples of an epoch; valid until the next call.
  BprSamples draw(std::int64_t epoch);
  [[nodiscard]] std::size_t size() const { return users_.size(); }
  /// An item drawn uniformly from the known items outside the user's history; of a user that occurs in a sample.
  ItemIndex draw_other(UserIndex user, RandomStream& stream) const;
  /// Interactions left out because their user has seen every known item, so that no other item exists.
  [[nodiscard]] std::int64_t skipped() const { return skipped_; }

 private:
  [[nodiscard]] bool seen(UserIndex user, ItemIndex item) const;

  std::uint64_t seed_;
  std::int64_t skipped_ = 0;
  std::vector<ItemIndex> known_;                ///< items that negatives are drawn from
  std::vector<std::vector<ItemIndex>> sorted_;  ///< each user's history, ascending, without repeats
  std::int64_t items_ = 0;
  std::vector<std::uint64_t> seen_bits_;  ///< [users, items] as bits; empty where that would be too large

  std::vector<UserIndex> source_users_;
  std::vector<ItemIndex> source_preferred_;
  std::vector<ItemIndex> source_others_;  ///< -1: to be drawn
  std::vector<float> source_weights_;

  std::vector<std::uint32_t> order_;
  std::vector<UserIndex> users_;
  std::vector<ItemIndex> preferred_;
  std::vector<ItemIndex> others_;
  std::vector<float> weights_;
  std::vector<std::uint8_t> given_;
};

}  // namespace llama4rec::recommenders
