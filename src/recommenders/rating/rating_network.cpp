#include "recommenders/rating/rating_network.h"

#include <algorithm>
#include <utility>

#include "recommenders/direct/lanes.h"

namespace llama4rec::recommenders {
namespace {

constexpr std::int64_t kPredictionWidth = 256;

}  // namespace

RatingBatch RatingBatch::part(std::int64_t first, std::int64_t count) const {
  const auto from = static_cast<std::size_t>(first);
  const auto length = static_cast<std::size_t>(count);
  return {.users = users.subspan(from, length),
          .items = items.subspan(from, length),
          .ratings = ratings.empty() ? ratings : ratings.subspan(from, length)};
}

RatingNetwork::RatingNetwork(const FeatureTable& features, std::int64_t dimension, InteractionFactory factory,
                             const NetworkStart& start)
    : features_(features), dimension_(dimension), factory_(std::move(factory)), start_(start) {
  register_table(layout_);
  factory_(shape(kLaneWidth), layout_);
}

void RatingNetwork::register_table(ParameterLayout& layout) const {
  layout.add("bias", {1}, Initial::constant(start_.mean));
  layout.add("linear", {features_.rows}, Initial::normal(start_.linear_deviation));
  layout.add("embeddings", {features_.rows, dimension_}, Initial::normal(start_.deviation));
}

ModelShape RatingNetwork::shape(std::int64_t width) const {
  return {.fields = static_cast<std::int64_t>(features_.fields.size()), .dimension = dimension_, .width = width};
}

Interactions RatingNetwork::instantiate(std::int64_t width) const {
  ParameterLayout layout;
  register_table(layout);
  return factory_(shape(width), layout);
}

NetworkPass::NetworkPass(const RatingNetwork& network, std::int64_t width)
    : network_(network), interactions_(network.instantiate(padded(width))) {
  const auto most = static_cast<std::size_t>(padded(width));
  const auto inputs = static_cast<std::size_t>(network.shape(0).inputs());
  embeddings_.resize(inputs * most);
  embedding_gradient_.resize(inputs * most);
  output_.resize(most);
  slopes_.resize(most);
  gradient_.resize(static_cast<std::size_t>(network.layout().size()));
}

/// Embeddings with the samples side by side, and the linear part. Padding repeats the last sample.
void NetworkPass::gather(const RatingBatch& batch, std::span<const float> parameters) {
  const std::int64_t dimension = network_.dimension();
  const std::int64_t width = slice_.width;
  const float* table = parameters.data() + network_.embeddings();
  const float* linear = parameters.data() + network_.linear();
  const float bias = parameters[static_cast<std::size_t>(network_.bias())];
  for (std::int64_t s = 0; s < width; ++s) {
    const auto sample = static_cast<std::size_t>(std::min(s, slice_.size - 1));
    float sum = bias;
    std::size_t open = 0;  // the first field whose column is not begun
    network_.visit_rows(batch.users[sample], batch.items[sample],
                        [&](std::size_t field, std::int32_t row, float weight) {
                          const float* from = table + row * dimension;
                          float* to = embeddings_.data() + static_cast<std::int64_t>(field) * dimension * width + s;
                          sum += weight * linear[row];
                          if (field >= open) {
                            for (std::int64_t k = 0; k < dimension; ++k) to[k * width] = weight * from[k];
                            open = field + 1;
                          } else {
                            for (std::int64_t k = 0; k < dimension; ++k) to[k * width] += weight * from[k];
                          }
                        });
    output_[static_cast<std::size_t>(s)] = sum;
  }
}

std::span<const float> NetworkPass::forward(const RatingBatch& batch, std::span<const float> parameters,
                                            const DropoutKey* dropout, std::int64_t first) {
  slice_ = {.size = batch.size(),
            .width = padded(batch.size()),
            .parameters = parameters.data(),
            .embeddings = embeddings_.data(),
            .output = output_.data(),
            .slopes = slopes_.data(),
            .embedding_gradient = embedding_gradient_.data(),
            .gradient = gradient_.data(),
            .dropout = dropout,
            .first = first};
  gather(batch, parameters);
  for (const auto& interaction : interactions_) interaction->forward(slice_);
  return std::span(output_).first(batch.users.size());
}

void NetworkPass::backward(std::span<const float> slopes, std::span<const float> parameters) {
  slice_.parameters = parameters.data();
  std::copy(slopes.begin(), slopes.end(), slopes_.begin());
  std::fill(slopes_.begin() + slice_.size, slopes_.begin() + slice_.width, 0.0F);
  std::fill_n(embedding_gradient_.begin(), network_.shape(0).inputs() * slice_.width, 0.0F);
  for (const auto& interaction : interactions_) interaction->backward(slice_);
}

std::span<const float> NetworkPass::dense_gradient() const {
  return std::span(gradient_).subspan(static_cast<std::size_t>(network_.dense()));
}

std::vector<float> predict_pairs(const RatingNetwork& network, std::span<const float> parameters,
                                 const RatingBatch& batch) {
  std::vector<float> result;
  result.reserve(batch.users.size());
  NetworkPass pass(network, std::min(kPredictionWidth, std::max<std::int64_t>(batch.size(), 1)));
  for (std::int64_t first = 0; first < batch.size(); first += kPredictionWidth) {
    const auto values = pass.forward(batch.part(first, std::min(kPredictionWidth, batch.size() - first)), parameters);
    result.insert(result.end(), values.begin(), values.end());
  }
  return result;
}

}  // namespace llama4rec::recommenders
