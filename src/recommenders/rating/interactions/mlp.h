// A multilayer perceptron with one output, the "deep part" of these models.
#pragma once

#include <span>

#include "config/options.h"
#include "recommenders/rating/interactions/interaction.h"

namespace llama4rec::recommenders {

struct MlpOptions {
  std::vector<std::int64_t> hidden;  ///< units of the hidden layers; empty: a linear map
  double dropout = 0;                ///< rate behind each hidden layer
  double initial_deviation = 0;      ///< of the weights; 0: Glorot's uniform values
};

/// relu(W x + b) for each hidden layer, dropout behind each, then a linear map to one output without bias.
class Mlp {
 public:
  /// `inputs` values per sample. Parameters are NAME.weight.N [outputs, inputs], NAME.bias.N [outputs] and NAME.output [units];
  /// `first_layer` numbers the dropout masks.
  Mlp(const std::string& name, std::int64_t inputs, std::int64_t width, const MlpOptions& options,
      ParameterLayout& layout, std::uint64_t first_layer = 0);

  /// Adds the output for `input`, [inputs, width], to the slice's.
  void forward(const Slice& slice, const float* input);
  /// Adds to or replaces `input_gradient`, [inputs, width]; `input` as in `forward`.
  void backward(const Slice& slice, const float* input, float* input_gradient, bool add);
  /// [batch, inputs] to [batch].
  [[nodiscard]] torch::Tensor plain(const PlainBatch& batch, torch::Tensor input) const;

 private:
  struct Layer {
    std::int64_t inputs = 0;
    std::int64_t outputs = 0;
    std::int64_t weight = 0;  ///< offsets in the flat buffer
    std::int64_t bias = 0;
    std::vector<float> values;   ///< [outputs, width]
    std::vector<float> factors;  ///< the dropout's, [outputs, width]
  };
  [[nodiscard]] bool drops(const DropoutKey* key) const { return key != nullptr && options_.dropout > 0; }

  std::string name_;
  MlpOptions options_;
  std::uint64_t first_layer_;
  std::vector<Layer> layers_;
  std::int64_t output_ = 0;
  std::int64_t last_ = 0;        ///< units of the last layer
  std::vector<float> gradient_;  ///< [most outputs, width]
  std::vector<float> next_gradient_;
};

/// The deep part on all embeddings, side by side: Cheng et al., Wide & Deep, DLRS 2016; in DeepFM, DCN, xDeepFM and AutoInt.
class DeepPart final : public Interaction {
 public:
  DeepPart(const ModelShape& shape, const MlpOptions& options, ParameterLayout& layout)
      : mlp_("deep", shape.inputs(), shape.width, options, layout) {}
  void forward(const Slice& slice) override { mlp_.forward(slice, slice.embeddings); }
  void backward(const Slice& slice) override { mlp_.backward(slice, slice.embeddings, slice.embedding_gradient, true); }
  [[nodiscard]] torch::Tensor plain(const PlainBatch& batch) const override {
    return mlp_.plain(batch, batch.embeddings.flatten(1));
  }

 private:
  Mlp mlp_;
};

/// NFM (He and Chua, SIGIR 2017): an MLP on the bi-interaction pooling of the embeddings, with dropout between the two.
class NeuralFactorizationMachine final : public Interaction {
 public:
  NeuralFactorizationMachine(const ModelShape& shape, const MlpOptions& options, double pooling_dropout,
                             ParameterLayout& layout);
  void forward(const Slice& slice) override;
  void backward(const Slice& slice) override;
  [[nodiscard]] torch::Tensor plain(const PlainBatch& batch) const override;

 private:
  void drop(const Slice& slice, std::vector<float>& values) const;

  ModelShape shape_;
  double pooling_dropout_;
  Mlp mlp_;
  std::vector<float> sums_;
  std::vector<float> pooled_;
  std::vector<float> gradient_;
};

}  // namespace llama4rec::recommenders
