// A rating model as a function: mean + linear part + the sum of its interactions over one shared table of embeddings.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "recommenders/rating/features.h"
#include "recommenders/rating/interactions/interaction.h"

namespace llama4rec::recommenders {

/// Makes a model's interactions and registers their parameters; called once for each thread, with equal results.
using InteractionFactory = std::function<Interactions(const ModelShape& shape, ParameterLayout& layout)>;

/// Values of fresh parameters.
struct NetworkStart {
  double mean = 0;              ///< of the rating
  double deviation = 0.01;      ///< of the embeddings
  double linear_deviation = 0;  ///< of the linear weights
};

/// Pairs of a batch; `ratings` may be empty where nothing is learnt.
struct RatingBatch {
  std::span<const UserIndex> users;
  std::span<const ItemIndex> items;
  std::span<const float> ratings;
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(users.size()); }
  [[nodiscard]] RatingBatch part(std::int64_t first, std::int64_t count) const;
};

/// Rating of a pair: bias + sum over fields of (linear weight) + interactions(embeddings), where a field with several values has their mean.
/// Parameters: bias [1], linear [rows], embeddings [rows, dimension], then those of the interactions.
class RatingNetwork {
 public:
  RatingNetwork(const FeatureTable& features, std::int64_t dimension, InteractionFactory factory,
                const NetworkStart& start);

  [[nodiscard]] const FeatureTable& features() const { return features_; }
  [[nodiscard]] std::int64_t dimension() const { return dimension_; }
  [[nodiscard]] const ParameterLayout& layout() const { return layout_; }
  [[nodiscard]] std::int64_t bias() const { return 0; }
  [[nodiscard]] std::int64_t linear() const { return 1; }  ///< offsets in the flat buffer
  [[nodiscard]] std::int64_t embeddings() const { return 1 + features_.rows; }
  /// From here on the parameters are the interactions'.
  [[nodiscard]] std::int64_t dense() const { return 1 + features_.rows * (1 + dimension_); }
  [[nodiscard]] ModelShape shape(std::int64_t width) const;
  [[nodiscard]] Interactions instantiate(std::int64_t width) const;
  /// Calls visit(field, row, weight) for each row that a pair touches in the fields [first, last).
  template <class Visit>
  void visit_rows(UserIndex user, ItemIndex item, std::size_t first, std::size_t last, const Visit& visit) const;
  /// In all fields.
  template <class Visit>
  void visit_rows(UserIndex user, ItemIndex item, const Visit& visit) const {
    visit_rows(user, item, 0, features_.fields.size(), visit);
  }

 private:
  void register_table(ParameterLayout& layout) const;

  const FeatureTable& features_;
  std::int64_t dimension_;
  InteractionFactory factory_;
  NetworkStart start_;
  ParameterLayout layout_;
};

/// Forward and backward pass of up to `width` samples on buffers of its own; one object serves one thread.
class NetworkPass {
 public:
  /// `width` is rounded up to a multiple of 16.
  NetworkPass(const RatingNetwork& network, std::int64_t width);

  /// Predictions of at most `width` pairs, [batch.size()], valid until the next call. `first` is the batch's place in the one that
  /// the dropout's masks are drawn for.
  std::span<const float> forward(const RatingBatch& batch, std::span<const float> parameters,
                                 const DropoutKey* dropout = nullptr, std::int64_t first = 0);
  /// After `forward` of the same batch: from the slopes of the loss, [batch.size()], to the gradients below.
  void backward(std::span<const float> slopes, std::span<const float> parameters);
  /// Of the interactions' parameters, [parameters - dense()].
  [[nodiscard]] std::span<const float> dense_gradient() const;
  /// [fields, dimension, stride()]
  [[nodiscard]] const float* embedding_gradient() const { return embedding_gradient_.data(); }
  [[nodiscard]] std::int64_t stride() const { return slice_.width; }
  [[nodiscard]] std::span<const float> slopes() const { return slopes_; }

 private:
  void gather(const RatingBatch& batch, std::span<const float> parameters);

  const RatingNetwork& network_;
  Interactions interactions_;
  Slice slice_;
  std::vector<float> embeddings_;
  std::vector<float> embedding_gradient_;
  std::vector<float> output_;
  std::vector<float> slopes_;
  std::vector<float> gradient_;  ///< flat, as long as the parameters; only the dense part is written
};

/// Predictions of any number of pairs.
std::vector<float> predict_pairs(const RatingNetwork& network, std::span<const float> parameters,
                                 const RatingBatch& batch);

template <class Visit>
void RatingNetwork::visit_rows(UserIndex user, ItemIndex item, std::size_t first, std::size_t last,
                               const Visit& visit) const {
  const auto user_code = features_.user_code(user);
  const auto item_code = features_.item_code(item);
  for (std::size_t f = first; f < last; ++f) {
    const FeatureField& field = features_.fields[f];
    const std::int32_t* code = (field.of_item ? item_code : user_code).data() + field.first_slot;
    if (field.slots == 1) {
      visit(f, *code, 1.0F);
      continue;
    }
    std::int64_t used = 0;  // the filled slots come first
    while (used < field.slots && code[used] >= 0) ++used;
    for (std::int64_t slot = 0; slot < used; ++slot) visit(f, code[slot], 1.0F / static_cast<float>(used));
  }
}

}  // namespace llama4rec::recommenders
