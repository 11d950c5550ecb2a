// The two interfaces behind which every conventional recommender stands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>
#include <llama4rec/provenance.h>
#include <torch/types.h>

namespace llama4rec {

/// An order of two items for a user, from data augmentation: `preferred` over `other` (paper, eq. 2).
struct PreferencePair {
  UserIndex user = 0;
  ItemIndex preferred = 0;
  ItemIndex other = 0;
};

/// What a top-k recommender learns from.
struct TopKTrainingData {
  std::int64_t users = 0;
  std::int64_t items = 0;
  std::vector<std::vector<ItemIndex>> histories;  ///< positives by user, oldest first; may be empty
  std::vector<PreferencePair> pairs;              ///< augmentation; empty for Base
  Provenance provenance;                          ///< the interactions behind histories and pairs
};

/// One observed rating.
struct RatingExample {
  UserIndex user = 0;
  ItemIndex item = 0;
  float rating = 0;
};

/// What a rating predictor learns from.
struct RatingTrainingData {
  std::int64_t users = 0;
  std::int64_t items = 0;
  float rating_minimum = 1;
  float rating_maximum = 5;
  std::vector<RatingExample> examples;              ///< grouped by user, oldest first
  const AttributeTable* user_attributes = nullptr;  ///< may be null; rows are users
  const AttributeTable* item_attributes = nullptr;  ///< may be null; rows are items
  Provenance provenance;
};

/// What a fit reports after each epoch.
struct EpochReport {
  std::int64_t epoch = 0;  ///< from 1
  double loss = 0;
  double seconds = 0;
  double validation = 0;  ///< the validation score; NaN in epochs that were not validated
};

/// Which parameters a fit begins with.
enum class FitStart {
  kFresh,  ///< drawn from the seed
  kContinued,  ///< those that the model was fit to or loaded with (the paper's remark: go on with a trained model on augmented data)
};

/// A file that keeps a fit's state, so that one that was killed goes on to the same parameters, bit by bit.
struct FitCheckpoint {
  std::filesystem::path file;  ///< empty: none; replaced atomically
  std::string key;  ///< whatever decides the fit's result, in words or as a hash; a file of another key is refused
  double time_share =
      0.05;  ///< of the time that may go into writing; the state is also kept after a signal and at the end
};

/// How a fit is watched, stopped and started. All members may be empty.
struct FitHooks {
  /// Higher is better. Called by the recommender after an epoch with its parameters as they are; empty: no early
  /// stopping, all epochs are run and the last parameters kept.
  std::function<double()> validation_score;
  std::function<void(const EpochReport&)> on_epoch;
  FitCheckpoint checkpoint = {};
  /// kContinued: UsageError when there are no such parameters, DataError when they are of another number of users or items.
  FitStart start = FitStart::kFresh;
};

/// What a fit did.
struct FitSummary {
  std::int64_t epochs = 0;      ///< epochs run
  std::int64_t best_epoch = 0;  ///< the epoch whose parameters were kept
  double train_seconds = 0;     ///< without validation
};

/// Direct and sequential recommendation: a score for every item from the user and the user's history.
class TopKRecommender {
 public:
  virtual ~TopKRecommender() = default;

  /// The registry name, such as "lightgcn".
  [[nodiscard]] virtual std::string name() const = 0;
  /// Learns from `data`; throws DataError on divergence (a NaN loss). The best parameters by
  /// `hooks.validation_score` are kept.
  virtual FitSummary fit(const TopKTrainingData& data, const FitHooks& hooks) = 0;
  /// Scores of all items, higher is better: float32 [users.size(), items] on the CPU. `histories` are the items of each
  /// user, oldest first, as the phase allows (at test: with the validation item); models without a sequence ignore them.
  [[nodiscard]] virtual torch::Tensor score(std::span<const UserIndex> users,
                                            std::span<const std::vector<ItemIndex>> histories) const = 0;
  /// One row per user, for similar users (paper, eq. 3): float32 [users, dimension] on the CPU. Arguments as for `score`.
  /// Undefined tensor where the model has no user embedding (popularity).
  [[nodiscard]] virtual torch::Tensor user_embeddings(std::span<const UserIndex> users,
                                                      std::span<const std::vector<ItemIndex>> histories) const = 0;
  /// Items that occurred in training, true by item; the others are never recommended.
  [[nodiscard]] virtual const std::vector<bool>& known_items() const = 0;
  /// What the parameters were built from.
  [[nodiscard]] virtual const Provenance& provenance() const = 0;
  /// Writes one file (safetensors with a versioned header), atomically.
  virtual void save(const std::filesystem::path& file) const = 0;
  /// Reads what `save` wrote; DataError when the file is damaged or of another model.
  virtual void load(const std::filesystem::path& file) = 0;
};

/// Rating prediction.
class RatingPredictor {
 public:
  virtual ~RatingPredictor() = default;

  [[nodiscard]] virtual std::string name() const = 0;
  virtual FitSummary fit(const RatingTrainingData& data, const FitHooks& hooks) = 0;
  /// Predicted ratings of (users[n], items[n]): float32 [users.size()] on the CPU, inside the rating scale.
  [[nodiscard]] virtual torch::Tensor predict(std::span<const UserIndex> users,
                                              std::span<const ItemIndex> items) const = 0;
  /// float32 [users.size(), dimension] on the CPU.
  [[nodiscard]] virtual torch::Tensor user_embeddings(std::span<const UserIndex> users) const = 0;
  [[nodiscard]] virtual const Provenance& provenance() const = 0;
  virtual void save(const std::filesystem::path& file) const = 0;
  virtual void load(const std::filesystem::path& file) = 0;
};

}  // namespace llama4rec
