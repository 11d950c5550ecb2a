// CL4SRec (Xie et al., Contrastive Learning for Sequential Recommendation, ICDE 2022).
#pragma once

#include "recommenders/sequential/sasrec.h"
#include "recommenders/sequential/sequence_views.h"

namespace llama4rec::recommenders {

struct Cl4SRecOptions {
  double weight = 0.1;
  double temperature = 0.2;
  ViewRatios ratios;
  void declare(config::OptionVisitor& visit);
};

/// SASRec's loss plus `weight` times a contrastive one (equation 3): two random views of each window's last `sequence.length` items agree with
/// each other and not with the batch's other views, by the cosine of the states at their ends over the temperature.
class Cl4SRec final : public SasRec {
 public:
  Cl4SRec(SequenceSettings settings, SasRecOptions sasrec, const Cl4SRecOptions& options)
      : SasRec(std::move(settings), std::move(sasrec)), options_(options) {}
  [[nodiscard]] std::string name() const override { return "cl4srec"; }

  [[nodiscard]] SequenceLesson lesson(const EncoderShape& shape, std::span<const Sequence> sequences,
                                      std::uint64_t seed) const override;

 private:
  Cl4SRecOptions options_;
};

}  // namespace llama4rec::recommenders
