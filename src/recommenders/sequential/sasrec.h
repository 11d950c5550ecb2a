// SASRec (Kang and McAuley, Self-Attentive Sequential Recommendation, ICDM 2018).
#pragma once

#include <string>

#include "recommenders/sequential/sequence_recommender.h"

namespace llama4rec::recommenders {

struct SasRecOptions {
  std::string loss = "softmax";
  void declare(config::OptionVisitor& visit);
};

/// Every position predicts the item behind it from itself and what precedes it, all positions of a window in one pass. A window has one item
/// more than there are positions, for its last one is a target alone. "softmax": cross-entropy over all items; "bce": equation 6, one uniform
/// negative outside of the window per position.
class SasRec : public SequenceRecommender {
 public:
  SasRec(SequenceSettings settings, SasRecOptions options)
      : SequenceRecommender(std::move(settings)), options_(std::move(options)) {}
  [[nodiscard]] std::string name() const override { return "sasrec"; }

  [[nodiscard]] std::int64_t window_length(std::int64_t positions) const override { return positions + 1; }
  [[nodiscard]] SequenceLesson lesson(const EncoderShape& shape, std::span<const Sequence> sequences,
                                      std::uint64_t seed) const override;
  [[nodiscard]] Sequence input_of(std::span<const ItemIndex> known, const EncoderShape& shape) const override;
  [[nodiscard]] Sight sight() const override { return Sight::kPast; }

 private:
  SasRecOptions options_;
};

}  // namespace llama4rec::recommenders
