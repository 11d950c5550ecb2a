// SASRec (Kang and McAuley, Self-Attentive Sequential Recommendation, ICDM 2018).
#pragma once

#include <string>

#include "recommenders/sequential/sequence_recommender.h"

namespace llama4rec::recommenders {

struct SasRecOptions {
  std::string loss = "softmax";
  void declare(config::OptionVisitor& visit);
};

/// Windows without their last items, and what follows each position.
struct NextItemTargets {
  SequenceBatch batch;
  torch::Tensor places;   ///< positions with a target, of batch * length [n] int64
  torch::Tensor targets;  ///< [n] int64
};
NextItemTargets next_item_targets(std::span<const Sequence> sequences, std::int64_t padding);

/// Every position predicts the item behind it from itself and what precedes it, all positions of a window in one pass. "softmax":
/// cross-entropy over all items; "bce": equation 6, one uniform negative outside of the window per position.
class SasRec : public SequenceRecommender {
 public:
  SasRec(SequenceSettings settings, SasRecOptions options)
      : SequenceRecommender(std::move(settings)), options_(std::move(options)) {}
  [[nodiscard]] std::string name() const override { return "sasrec"; }

 protected:
  [[nodiscard]] torch::Tensor loss(const SequenceEncoder& encoder, std::span<const Sequence> sequences,
                                   std::uint64_t seed) const override;
  [[nodiscard]] Sequence input_of(std::span<const ItemIndex> known, const SequenceEncoder& encoder) const override;
  [[nodiscard]] Sight sight() const override { return Sight::kPast; }

 private:
  SasRecOptions options_;
};

}  // namespace llama4rec::recommenders
