// Loss, gradient and states of sequence models. Two implementations with the same result up to rounding: own CPU kernels with explicit
// gradients, and libtorch with autograd on any device.
#pragma once

#include <memory>
#include <span>

#include "recommenders/sequential/sequence_encoder.h"
#include "recommenders/sequential/sequence_lesson.h"

namespace llama4rec::recommenders {

class SequenceKernels {
 public:
  virtual ~SequenceKernels() = default;

  /// The lesson's loss; its gradient replaces the encoder's.
  virtual double loss_and_gradient(SequenceEncoder& encoder, const SequenceLesson& lesson) = 0;
  /// States at the ends of `inputs`, without dropout: [inputs, dimension] on the CPU. Zeros for an empty input.
  virtual torch::Tensor end_states(const SequenceEncoder& encoder, std::span<const Sequence> inputs, Sight sight) = 0;
};

/// libtorch and autograd, on the encoder's device.
std::unique_ptr<SequenceKernels> make_plain_sequence_kernels();
/// Explicit gradients on packed sequences, for an encoder on the CPU. The same bits for the same number of threads.
std::unique_ptr<SequenceKernels> make_fast_sequence_kernels(const EncoderShape& shape);

}  // namespace llama4rec::recommenders
