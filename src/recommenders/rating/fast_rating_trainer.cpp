#include "recommenders/rating/fast_rating_trainer.h"

#include <algorithm>
#include <utility>

#include "core/random.h"
#include "recommenders/direct/lanes.h"
#include "recommenders/model_file.h"

namespace llama4rec::recommenders {

RatingColumns shuffled(std::span<const RatingExample> examples, std::uint64_t seed, std::int64_t epoch) {
  std::vector<std::uint32_t> order(examples.size());
  for (std::size_t n = 0; n < order.size(); ++n) order[n] = static_cast<std::uint32_t>(n);
  RandomStream stream(seed, "recommenders.rating.order", {static_cast<std::uint64_t>(epoch)});
  stream.shuffle(std::span(order));
  RatingColumns columns;
  columns.users.reserve(order.size());
  columns.items.reserve(order.size());
  columns.ratings.reserve(order.size());
  for (const std::uint32_t n : order) {
    columns.users.push_back(examples[n].user);
    columns.items.push_back(examples[n].item);
    columns.ratings.push_back(examples[n].rating);
  }
  return columns;
}

FastRatingTrainer::FastRatingTrainer(const RatingNetwork& network, const RowPenalties& penalties,
                                     const RatingLearning& learning, std::vector<float> initial)
    : network_(network),
      penalties_(penalties),
      learning_(learning),
      parameters_(std::move(initial)),
      averaged_(parameters_),
      gradient_(parameters_.size()),
      first_(parameters_.size()),
      second_(parameters_.size()),
      marked_(static_cast<std::size_t>(network.features().rows)) {
  for (std::int64_t part = 0; part < learning_.parts; ++part) {
    passes_.emplace_back(network, slice_size(learning_.batch_size));
  }
  errors_.resize(passes_.size());
  slopes_.resize(passes_.size());
  penalties_of_shares_.resize(passes_.size());
  touched_.resize(passes_.size());
}

/// Whole lanes, so that only the last slice is padded.
std::int64_t FastRatingTrainer::slice_size(std::int64_t batch_size) const {
  return padded((batch_size + learning_.parts - 1) / learning_.parts);
}

double FastRatingTrainer::evaluate(const RatingBatch& batch, const DropoutKey* dropout) {
  const std::int64_t size = slice_size(batch.size());
  const std::int64_t slices = (batch.size() + size - 1) / size;
  const float mean = 1.0F / static_cast<float>(batch.size());
#pragma omp parallel for schedule(static, 1)
  for (std::int64_t n = 0; n < slices; ++n) {
    const auto place = static_cast<std::size_t>(n);
    const RatingBatch slice = batch.part(n * size, std::min(size, batch.size() - n * size));
    const auto predictions = passes_[place].forward(slice, parameters_, dropout, n * size);
    std::vector<float>& slopes = slopes_[place];
    slopes.resize(slice.users.size());
    double squares = 0;
    for (std::size_t s = 0; s < slopes.size(); ++s) {
      const float error = predictions[s] - slice.ratings[s];
      squares += static_cast<double>(error) * static_cast<double>(error);
      slopes[s] = 2 * mean * error;
    }
    errors_[place] = squares;
    passes_[place].backward(slopes, parameters_);
  }
  add_gradients(batch, slices);
  double squares = 0;
  for (std::int64_t n = 0; n < slices; ++n) squares += errors_[static_cast<std::size_t>(n)];
  return squares;
}

/// Sums the slices' gradients. Fields have rows of their own and are shared out, as is the dense part, so that every sum has one order.
void FastRatingTrainer::add_gradients(const RatingBatch& batch, std::int64_t slices) {
  const std::int64_t size = slice_size(batch.size());
  const float mean = 1.0F / static_cast<float>(batch.size());
  const auto fields = static_cast<std::int64_t>(network_.features().fields.size());
  const std::int64_t dense_size = static_cast<std::int64_t>(parameters_.size()) - network_.dense();
  float* const dense = gradient_.data() + network_.dense();
#pragma omp parallel for schedule(static, 1)
  for (std::int64_t share = 0; share < learning_.parts; ++share) {
    const FieldRange range{.first = share * fields / learning_.parts, .last = (share + 1) * fields / learning_.parts};
    const std::int64_t first = share * dense_size / learning_.parts;
    const std::int64_t last = (share + 1) * dense_size / learning_.parts;
    penalties_of_shares_[static_cast<std::size_t>(share)] = 0;
    for (std::int64_t n = 0; n < slices; ++n) {
      const NetworkPass& pass = passes_[static_cast<std::size_t>(n)];
      scatter(batch.part(n * size, std::min(size, batch.size() - n * size)), pass, mean, range, share);
      const auto from = pass.dense_gradient();
      for (std::int64_t d = first; d < last; ++d) dense[d] += from[static_cast<std::size_t>(d)];
    }
  }
  penalty_ = 0;
  for (const double penalty : penalties_of_shares_) penalty_ += penalty;
  float& bias = gradient_[static_cast<std::size_t>(network_.bias())];
  for (std::int64_t n = 0; n < slices; ++n) {
    const NetworkPass& pass = passes_[static_cast<std::size_t>(n)];
    float sum = 0;
    for (std::int64_t s = 0; s < std::min(size, batch.size() - n * size); ++s) {
      sum += pass.slopes()[static_cast<std::size_t>(s)];
    }
    bias += sum;
  }
}

/// Adds the slice's part of the gradient of the fields' linear weights and embeddings.
void FastRatingTrainer::scatter(const RatingBatch& slice, const NetworkPass& pass, float mean, const FieldRange& range,
                                std::int64_t share) {
  const std::int64_t dimension = network_.dimension();
  const std::int64_t stride = pass.stride();
  const float* values = parameters_.data() + network_.embeddings();
  const float* weights = parameters_.data() + network_.linear();
  float* table = gradient_.data() + network_.embeddings();
  float* linear = gradient_.data() + network_.linear();
  double penalty = 0;
  auto& touched = touched_[static_cast<std::size_t>(share)];
  const auto first = static_cast<std::size_t>(range.first);
  const auto last = static_cast<std::size_t>(range.last);
  for (std::size_t s = 0; s < slice.users.size(); ++s) {
    const float slope = pass.slopes()[s];
    const float* from = pass.embedding_gradient() + s;
    const auto add = [&](std::size_t field, std::int32_t row, float weight) {
      const auto place = static_cast<std::size_t>(row);
      const float pull = 2 * mean * penalties_.embedding[place];
      const float linear_pull = 2 * mean * penalties_.linear[place];
      const float* slopes = from + static_cast<std::int64_t>(field) * dimension * stride;
      const float* value = values + row * dimension;
      float* to = table + row * dimension;
      float square = 0;
      for (std::int64_t k = 0; k < dimension; ++k) {
        to[k] += weight * slopes[k * stride] + pull * value[k];
        square += value[k] * value[k];
      }
      linear[row] += weight * slope + linear_pull * weights[row];
      penalty += static_cast<double>(penalties_.embedding[place] * square +
                                     penalties_.linear[place] * weights[row] * weights[row]);
      if (learning_.lazy && marked_[place] == 0) {
        marked_[place] = 1;
        touched.push_back(row);
      }
    };
    network_.visit_rows(slice.users[s], slice.items[s], first, last, add);
  }
  penalties_of_shares_[static_cast<std::size_t>(share)] += penalty;
}

void FastRatingTrainer::step(double learning_rate) {
  ++steps_;
  const AdamBuffers buffers{.parameters = parameters_.data(),
                            .gradient = gradient_.data(),
                            .first = first_.data(),
                            .second = second_.data(),
                            .averaged = averaged_.data()};
  AdamStep step{.learning_rate = learning_rate, .weight_decay = 0, .averaging = learning_.averaging, .step = steps_};
  if (learning_.lazy) {
    const std::int64_t dimension = network_.dimension();
    adam_pass(buffers, network_.bias(), network_.bias() + 1, step);
    for (const auto& of_share : touched_) {
      for (const std::int32_t row : of_share) {
        const std::int64_t first = network_.embeddings() + row * dimension;
        adam_pass(buffers, first, first + dimension, step);
        adam_pass(buffers, network_.linear() + row, network_.linear() + row + 1, step);
      }
    }
    forget_touched();
  } else {
    adam_pass(buffers, 0, network_.dense(), step);
  }
  step.weight_decay = learning_.weight_decay;
  adam_pass(buffers, network_.dense(), static_cast<std::int64_t>(parameters_.size()), step);
}

void FastRatingTrainer::forget_touched() {
  for (auto& of_share : touched_) {
    for (const std::int32_t row : of_share) marked_[static_cast<std::size_t>(row)] = 0;
    of_share.clear();
  }
}

double FastRatingTrainer::train_epoch(const RatingColumns& examples, std::int64_t epoch) {
  const RatingBatch all = examples.view();
  double learning_rate = learning_.learning_rate;
  for (std::int64_t n = 1; n < epoch; ++n) learning_rate *= learning_.decay;
  double squares = 0;
  std::uint64_t number = 0;
  for (std::int64_t first = 0; first < all.size(); first += learning_.batch_size, ++number) {
    const DropoutKey dropout{.seed = learning_.seed, .epoch = static_cast<std::uint64_t>(epoch), .batch = number};
    squares += evaluate(all.part(first, std::min(learning_.batch_size, all.size() - first)), &dropout);
    step(learning_rate);
  }
  return squares / static_cast<double>(all.size());
}

double FastRatingTrainer::loss_and_gradient(const RatingBatch& batch, const DropoutKey* dropout,
                                            std::vector<float>& gradient) {
  const double squares = evaluate(batch, dropout);
  gradient = gradient_;
  std::fill(gradient_.begin(), gradient_.end(), 0.0F);
  forget_touched();
  double norm = 0;
  const auto weight_decay = static_cast<float>(learning_.weight_decay);
  for (auto n = static_cast<std::size_t>(network_.dense()); n < parameters_.size(); ++n) {
    gradient[n] += weight_decay * parameters_[n];
    norm += static_cast<double>(parameters_[n]) * static_cast<double>(parameters_[n]);
  }
  return (squares + penalty_) / static_cast<double>(batch.size()) + learning_.weight_decay / 2 * norm;
}

NamedTensors FastRatingTrainer::state() const {
  return {{"parameters", tensor_of(parameters_, {-1})},
          {"averaged", tensor_of(averaged_, {-1})},
          {"adam.first", tensor_of(first_, {-1})},
          {"adam.second", tensor_of(second_, {-1})},
          {"adam.steps", tensor_of(std::vector<std::int64_t>{steps_})}};
}

void FastRatingTrainer::restore(const NamedTensors& state) {
  const auto values = [&](const std::string& name) {
    const auto tensor = required_state(state, name, torch::kFloat32, {static_cast<std::int64_t>(parameters_.size())});
    return std::vector<float>(tensor.data_ptr<float>(), tensor.data_ptr<float>() + tensor.numel());
  };
  const auto steps = required_state(state, "adam.steps", torch::kInt64, {1});
  parameters_ = values("parameters");
  averaged_ = values("averaged");
  first_ = values("adam.first");
  second_ = values("adam.second");
  steps_ = *steps.data_ptr<std::int64_t>();
}

std::unique_ptr<RatingTrainer> make_fast_rating_trainer(const RatingNetwork& network, const RowPenalties& penalties,
                                                        const RatingLearning& learning, std::vector<float> initial) {
  return std::make_unique<FastRatingTrainer>(network, penalties, learning, std::move(initial));
}

}  // namespace llama4rec::recommenders
