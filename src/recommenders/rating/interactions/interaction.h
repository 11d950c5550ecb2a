// What every part of a rating model does: it reads a batch's embeddings and adds to the predicted ratings.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "recommenders/rating/dropout.h"
#include "recommenders/rating/parameter_layout.h"
#include "tensor/torch.h"

namespace llama4rec::recommenders {

/// Sizes that all parts of a model share.
struct ModelShape {
  std::int64_t fields = 0;
  std::int64_t dimension = 0;  ///< of an embedding
  std::int64_t width = 0;      ///< most samples of a slice; a multiple of 16
  [[nodiscard]] std::int64_t inputs() const { return fields * dimension; }
};

/// Some samples of a batch, the sample the fastest index of every buffer. Samples from `size` to `width` are padding: their
/// embeddings are finite, their slopes zero.
struct Slice {
  std::int64_t size = 0;
  std::int64_t width = 0;               ///< a multiple of 16, of this slice: the stride of every buffer
  const float* parameters = nullptr;    ///< flat, as the layout says
  const float* embeddings = nullptr;    ///< [fields, dimension, width]
  float* output = nullptr;              ///< [width]; predictions so far
  const float* slopes = nullptr;        ///< [width]; derivative of the loss with respect to the prediction
  float* embedding_gradient = nullptr;  ///< [fields, dimension, width]; so far
  float* gradient = nullptr;            ///< flat; each part writes that of its own parameters
  const DropoutKey* dropout = nullptr;  ///< null: none
  std::int64_t first = 0;               ///< place of the first sample in its batch
};

/// The same batch for libtorch.
struct PlainBatch {
  torch::Tensor embeddings;                                         ///< [batch, fields, dimension]
  std::function<torch::Tensor(const std::string& name)> parameter;  ///< by its name in the layout
  const DropoutKey* dropout = nullptr;
};

/// A part of a model. It owns the buffers of one slice, so one object serves one thread; `backward` follows the `forward` of the
/// same slice.
class Interaction {
 public:
  virtual ~Interaction() = default;
  /// Adds to `output`.
  virtual void forward(const Slice& slice) = 0;
  /// Adds to `embedding_gradient`, writes the own parameters' `gradient`.
  virtual void backward(const Slice& slice) = 0;
  /// [batch]: what `forward` adds, in libtorch's operators, written from the paper's formulas.
  [[nodiscard]] virtual torch::Tensor plain(const PlainBatch& batch) const = 0;
};

using Interactions = std::vector<std::unique_ptr<Interaction>>;

}  // namespace llama4rec::recommenders
