// Adam over one dense buffer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace llama4rec::recommenders {

/// Kingma and Ba, Adam, ICLR 2015, algorithm 1, with the defaults of torch::optim::Adam (betas 0.9 and 0.999, epsilon 1e-8) and
/// its order of operations.
class Adam {
 public:
  /// Steps over at least `parallel_from` parameters use several threads.
  Adam(std::size_t parameters, double learning_rate, std::int64_t parallel_from = 1);

  /// One step: updates `parameters` by `gradient`, both [parameters].
  void step(std::span<float> parameters, std::span<const float> gradient);

  /// The running means, [parameters] each, and the number of steps: all that a later step depends on.
  [[nodiscard]] const std::vector<float>& first() const { return first_; }
  [[nodiscard]] const std::vector<float>& second() const { return second_; }
  [[nodiscard]] std::int64_t steps() const { return steps_; }
  /// Takes them back; the sizes must be those of this object.
  void restore(std::int64_t steps, std::vector<float> first, std::vector<float> second);

 private:
  double learning_rate_;
  std::int64_t parallel_from_;
  std::int64_t steps_ = 0;
  std::vector<float> first_;   ///< running mean of the gradient
  std::vector<float> second_;  ///< running mean of its square
};

}  // namespace llama4rec::recommenders
