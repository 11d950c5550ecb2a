// What every top-k recommender of this layer shares: statistics, provenance, checked arguments, the fallback to popularity.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "recommenders/model_file.h"
#include "recommenders/training_statistics.h"

namespace llama4rec::recommenders {

/// Keeps the statistics and the provenance of the last fit or load.
///
/// Scores of users that training did not see (an index beyond the training's users, or an empty history) are the items'
/// popularity; items that training did not see get the lowest score of the row and are reported by `known_items`.
class TopKBase : public TopKRecommender {
 public:
  [[nodiscard]] const std::vector<bool>& known_items() const override { return statistics_.known_items; }
  [[nodiscard]] const Provenance& provenance() const override { return provenance_; }

 protected:
  /// Takes over what the data is and logs what is unusual in it; first thing in a fit.
  void begin_fit(const TopKTrainingData& data);
  /// Restores from a file what `begin_fit` had set.
  void begin_load(const ModelFile& content, const std::filesystem::path& file);
  /// The part of the file that this class restores.
  [[nodiscard]] ModelFile file_content() const;
  /// InternalError before the first fit or load; UsageError for a negative user.
  void check_scoring(std::span<const UserIndex> users) const;
  /// Whether training has seen interactions of the user.
  [[nodiscard]] bool trained(UserIndex user) const;
  /// Fills a row of scores with popularity.
  void popularity_row(std::span<float> row) const;
  /// Gives the items that training did not see the lowest score of the row.
  void lower_unknown(std::span<float> row) const;
  [[nodiscard]] std::int64_t items() const { return static_cast<std::int64_t>(statistics_.item_counts.size()); }
  [[nodiscard]] const TrainingStatistics& statistics() const { return statistics_; }

 private:
  TrainingStatistics statistics_;
  Provenance provenance_;
};

}  // namespace llama4rec::recommenders
