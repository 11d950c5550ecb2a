// The squared error with explicit gradients on CPU buffers kept between steps.
#pragma once

#include <span>
#include <vector>

#include "recommenders/rating/adam_pass.h"
#include "recommenders/rating/rating_trainer.h"

namespace llama4rec::recommenders {

/// A batch is cut into slices whose passes run on threads of their own. Then threads share the fields, whose rows are disjoint, and sum the
/// gradients of the table sample by sample, those of the interactions slice by slice. So results do not depend on the number of threads.
class FastRatingTrainer final : public RatingTrainer {
 public:
  FastRatingTrainer(const RatingNetwork& network, const RowPenalties& penalties, const RatingLearning& learning,
                    std::vector<float> initial);
  double train_epoch(const RatingColumns& examples, std::int64_t epoch) override;
  double loss_and_gradient(const RatingBatch& batch, const DropoutKey* dropout, std::vector<float>& gradient) override;
  [[nodiscard]] std::vector<float> parameters() const override {
    return learning_.averaging > 0 ? averaged_ : parameters_;
  }
  [[nodiscard]] NamedTensors state() const override;
  void restore(const NamedTensors& state) override;

 private:
  [[nodiscard]] std::int64_t slice_size(std::int64_t batch_size) const;
  /// Fills gradient_ but for the weight decay; returns the sum of squared errors.
  double evaluate(const RatingBatch& batch, const DropoutKey* dropout);
  struct FieldRange {
    std::int64_t first = 0;
    std::int64_t last = 0;
  };
  void add_gradients(const RatingBatch& batch, std::int64_t slices);
  void scatter(const RatingBatch& slice, const NetworkPass& pass, float mean, const FieldRange& range,
               std::int64_t share);
  void forget_touched();
  void step(double learning_rate);

  const RatingNetwork& network_;
  const RowPenalties& penalties_;
  RatingLearning learning_;
  std::vector<float> parameters_;
  std::vector<float> averaged_;
  std::vector<float> gradient_;  ///< zero between steps
  std::vector<float> first_;
  std::vector<float> second_;
  std::int64_t steps_ = 0;
  double penalty_ = 0;  ///< of the last batch, summed over its samples
  std::vector<NetworkPass> passes_;
  std::vector<double> errors_;              ///< by slice
  std::vector<std::vector<float>> slopes_;  ///< by slice
  std::vector<double> penalties_of_shares_;
  std::vector<std::vector<std::int32_t>> touched_;  ///< by share: rows of the last batch; kept only for lazy steps
  std::vector<std::uint8_t> marked_;                ///< [rows]; bytes, for threads write beside each other
};

}  // namespace llama4rec::recommenders
