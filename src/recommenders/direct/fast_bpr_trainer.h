// The pairwise loss with explicit gradients on preallocated CPU buffers. Every sum has one fixed order, so results do not depend on the
// number of threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "recommenders/direct/adam.h"
#include "recommenders/direct/bpr_trainer.h"
#include "recommenders/direct/row_groups.h"

namespace llama4rec::recommenders {

/// bpr_trainer.h's loss. Models that add to it or change it derive from this class; buffers are [nodes, stride].
class FastBprTrainer : public BprTrainer {
 public:
  FastBprTrainer(const BprSettings& settings, std::span<const float> initial);

  double train_epoch(const BprSamples& samples) override;
  double loss_and_gradient(const BprSamples& batch, std::vector<float>& gradient) override;
  [[nodiscard]] std::vector<float> initial_embeddings() const override { return unpadded(initial_); }
  [[nodiscard]] std::vector<float> final_embeddings() override;
  [[nodiscard]] NamedTensors state() const override;
  void restore(const NamedTensors& state) override;

 protected:
  /// Where a batch stands in its epoch.
  struct Batch {
    BprSamples samples;
    const RowGroups& groups;
    std::size_t first = 0;  ///< number of its first sample in the epoch
  };
  /// This process's part of the mean loss of a batch; leaves the gradient of the whole loss with respect to e in `total_gradient()`.
  virtual double evaluate(const Batch& batch);
  /// A further term of the loss, weighted, per sample; adds its gradient with respect to e to `gradient`.
  virtual double add_term(const Batch& /*batch*/, float* /*gradient*/) { return 0; }

  /// Adds the gradient of the L2 term to `gradient`; returns the term, summed over the batch.
  double regularize(std::size_t batch_size, const RowGroups& groups, float* gradient) const;
  [[nodiscard]] const BprSettings& settings() const { return settings_; }
  [[nodiscard]] std::int64_t stride() const { return stride_; }
  [[nodiscard]] const float* initial() const { return initial_.data(); }
  [[nodiscard]] float* scratch() { return scratch_.data(); }
  /// With respect to e; zero before an evaluation where there are no layers, of any content where there are.
  [[nodiscard]] std::vector<float>& total_gradient() { return settings_.layers > 0 ? initial_gradient_ : gradient_; }

 private:
  [[nodiscard]] BprSamples batch_of(const BprSamples& samples, std::size_t batch) const;
  void group_batches(const BprSamples& samples);
  void propagate_columns(const float* in, float* out);
  void score_samples(const BprSamples& batch, tensor::Share own, const float* values);
  void share_slopes(std::size_t batch_size, tensor::Share own);
  void sum_rows(const BprSamples& batch, const RowGroups& groups, const float* values);
  void clear_gradient(const RowGroups& groups);
  [[nodiscard]] std::vector<float> unpadded(const std::vector<float>& values) const;
  [[nodiscard]] std::vector<float> with_padding(std::span<const float> values) const;

  BprSettings settings_;
  tensor::World alone_;
  const tensor::World& world_;
  std::int64_t stride_;                  ///< values between two rows
  std::vector<float> initial_;           ///< e
  std::vector<float> final_;             ///< f; empty without layers
  std::vector<float> scratch_;           ///< of the propagation
  std::vector<float> gradient_;          ///< with respect to f; zero between steps
  std::vector<float> initial_gradient_;  ///< with respect to e; empty without layers
  Adam adam_;
  std::vector<double> losses_;  ///< [batch]
  std::vector<float> slopes_;   ///< [batch]
  std::vector<RowGroups> groups_;
  std::vector<float> own_columns_;  ///< [nodes, columns of a process]; of several processes
  std::vector<float> all_columns_;  ///< [processes, nodes, columns of a process]
};

/// -ln sigmoid(x) without overflow.
double softplus_of_minus(float x);

}  // namespace llama4rec::recommenders
