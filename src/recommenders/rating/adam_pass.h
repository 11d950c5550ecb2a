// Adam, weight decay and the average of the parameters in one pass over memory.
#pragma once

#include <cstdint>
#include <span>

namespace llama4rec::recommenders {

/// What one step needs besides the buffers.
struct AdamStep {
  double learning_rate = 1e-3;
  double weight_decay = 0;
  double averaging = 0;   ///< averaged = averaging * averaged + (1 - averaging) * parameters; 0: no average
  std::int64_t step = 1;  ///< counted from 1
};

/// Buffers of equal length.
struct AdamBuffers {
  float* parameters = nullptr;
  float* gradient = nullptr;  ///< zero afterwards
  float* first = nullptr;
  float* second = nullptr;
  float* averaged = nullptr;  ///< untouched without averaging
};

/// Kingma and Ba, Adam, ICLR 2015, algorithm 1, on the values [begin, end) of the buffers, with torch::optim::Adam's defaults and L2
/// form of weight decay.
void adam_pass(const AdamBuffers& buffers, std::int64_t begin, std::int64_t end, const AdamStep& step);

/// How much a step keeps of the average: less than `averaging` at first, so that the start is forgotten.
double warm_averaging(double averaging, std::int64_t step);

}  // namespace llama4rec::recommenders
