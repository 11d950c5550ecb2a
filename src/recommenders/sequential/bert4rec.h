// BERT4Rec (Sun et al., BERT4Rec: Sequential Recommendation with Bidirectional Encoder Representations, CIKM 2019).
#pragma once

#include "core/random.h"
#include "recommenders/sequential/sequence_recommender.h"

namespace llama4rec::recommenders {

struct Bert4RecOptions {
  double mask_probability = 0.2;
  double last_share = 0.1;
  void declare(config::OptionVisitor& visit);
};

/// Items behind masks are predicted from both sides (cloze task, equation 8, softmax over all items). A share of the windows has its
/// last item masked alone, as a prediction does: the mask stands behind the history, and the state there is the user's.
class Bert4Rec final : public SequenceRecommender {
 public:
  Bert4Rec(SequenceSettings settings, const Bert4RecOptions& options)
      : SequenceRecommender(std::move(settings)), options_(options) {}
  [[nodiscard]] std::string name() const override { return "bert4rec"; }

  /// Each item is masked with `mask_probability`, at least one of a window and at most all but one, so that nothing is asked for without
  /// anything to go by; in a share of the windows the last one alone.
  [[nodiscard]] SequenceLesson lesson(const EncoderShape& shape, std::span<const Sequence> sequences,
                                      std::uint64_t seed) const override;
  [[nodiscard]] Sequence input_of(std::span<const ItemIndex> known, const EncoderShape& shape) const override;
  [[nodiscard]] Sight sight() const override { return Sight::kEverything; }

 private:
  /// Which of a window's `length` items are masked, ascending.
  [[nodiscard]] std::vector<std::size_t> hidden_places(std::size_t length, RandomStream& random) const;

  Bert4RecOptions options_;
};

}  // namespace llama4rec::recommenders
