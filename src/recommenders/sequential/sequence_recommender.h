// Recommenders that read a user's history as a sequence with a transformer (sequence_encoder.h).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "recommenders/sequential/sequence_encoder.h"
#include "recommenders/sequential/sequence_kernels.h"
#include "recommenders/sequential/sequence_lesson.h"
#include "recommenders/sequential/sequence_options.h"
#include "recommenders/top_k_base.h"

namespace llama4rec::recommenders {

/// The score of an item is the product of its embedding and the state at the end of the history's last `sequence.length` known items, which is the
/// user's embedding as well. A history without known items is scored by popularity. Training runs over windows of the histories in batches of
/// `sequence.batch_size` with Adam; train.regularization and pairs from augmentation do not enter.
class SequenceRecommender : public TopKBase {
 public:
  explicit SequenceRecommender(SequenceSettings settings) : settings_(std::move(settings)) {}

  FitSummary fit(const TopKTrainingData& data, const FitHooks& hooks) override;
  [[nodiscard]] torch::Tensor score(std::span<const UserIndex> users,
                                    std::span<const std::vector<ItemIndex>> histories) const override;
  /// Zeros for a history without known items.
  [[nodiscard]] torch::Tensor user_embeddings(std::span<const UserIndex> users,
                                              std::span<const std::vector<ItemIndex>> histories) const override;
  void save(const std::filesystem::path& file) const override;
  void load(const std::filesystem::path& file) override;

  /// Items of a training window for a model of `positions`: as many as put one at every position that a prediction reads.
  [[nodiscard]] virtual std::int64_t window_length(std::int64_t positions) const { return positions; }
  /// What a batch of training windows teaches. All draws are functions of `seed`, which no other batch has.
  [[nodiscard]] virtual SequenceLesson lesson(const EncoderShape& shape, std::span<const Sequence> sequences,
                                              std::uint64_t seed) const = 0;
  /// What is read for a prediction: `known` items, at least one, oldest first; the state at its end is the user's.
  [[nodiscard]] virtual Sequence input_of(std::span<const ItemIndex> known, const EncoderShape& shape) const = 0;
  [[nodiscard]] virtual Sight sight() const = 0;

 protected:
  [[nodiscard]] const SequenceSettings& settings() const { return settings_; }

 private:
  [[nodiscard]] EncoderShape shape(std::int64_t items) const;
  [[nodiscard]] Sequence known_part(const std::vector<ItemIndex>& history) const;
  double train_epoch(std::span<const Sequence> windows, std::int64_t epoch, const tensor::World& world,
                     class Adam& adam);
  void take(std::unique_ptr<SequenceEncoder> encoder);

  SequenceSettings settings_;
  std::unique_ptr<SequenceEncoder> encoder_;
  std::unique_ptr<SequenceKernels> kernels_;
};

}  // namespace llama4rec::recommenders
