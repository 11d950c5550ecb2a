#include "recommenders/direct/fast_bpr_trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "recommenders/direct/lanes.h"
#include "recommenders/direct/propagation.h"
#include "recommenders/model_file.h"

namespace llama4rec::recommenders {
namespace {

/// x . (a - b) over whole lanes.
float difference_product(const float* x, const float* a, const float* b, std::int64_t stride) {
  Lane sums{};
  for (std::int64_t n = 0; n < stride; n += kLaneWidth) {
    Lane x_lane;
    Lane a_lane;
    Lane b_lane;
    load(x_lane, x + n);
    load(a_lane, a + n);
    load(b_lane, b + n);
    sums += x_lane * (a_lane - b_lane);
  }
  float total = 0;
  for (std::int64_t n = 0; n < kLaneWidth; ++n) total += sums[n];
  return total;
}

}  // namespace

double softplus_of_minus(float x) {
  return std::log1p(std::exp(-std::abs(static_cast<double>(x)))) + std::max(0.0, -static_cast<double>(x));
}

FastBprTrainer::FastBprTrainer(const BprSettings& settings, std::span<const float> initial)
    : settings_(settings),
      world_(settings.world == nullptr ? alone_ : *settings.world),
      stride_(padded(settings.dimension)),
      initial_(with_padding(initial)),
      gradient_(initial_.size(), 0.0F),
      adam_(initial_.size(), settings.learning_rate, settings.parallel_from),
      losses_(static_cast<std::size_t>(settings.batch_size)),
      slopes_(static_cast<std::size_t>(settings.batch_size)) {
  if (settings.layers > 0) {
    final_.resize(initial_.size());
    scratch_.resize(initial_.size());
    initial_gradient_.resize(initial_.size());
  }
}

double FastBprTrainer::train_epoch(const BprSamples& samples) {
  group_batches(samples);
  double loss = 0;
  for (std::size_t n = 0; n < groups_.size(); ++n) {
    const Batch batch{.samples = batch_of(samples, n),
                      .groups = groups_[n],
                      .first = n * static_cast<std::size_t>(settings_.batch_size)};
    loss += (evaluate(batch) + add_term(batch, total_gradient().data())) * static_cast<double>(batch.samples.size());
    adam_.step(initial_, total_gradient());
    clear_gradient(batch.groups);
  }
  return world_.sum(loss) / static_cast<double>(samples.size());
}

double FastBprTrainer::loss_and_gradient(const BprSamples& batch, std::vector<float>& gradient) {
  losses_.resize(std::max(losses_.size(), batch.size()));
  slopes_.resize(losses_.size());
  std::vector<std::int32_t> slots(static_cast<std::size_t>(settings_.nodes()), -1);
  RowGroups groups;
  group_rows(batch, settings_.users, slots, groups);
  const Batch whole{.samples = batch, .groups = groups, .first = 0};
  const double loss = evaluate(whole) + add_term(whole, total_gradient().data());
  gradient = unpadded(total_gradient());
  clear_gradient(groups);
  return world_.sum(loss);
}

std::vector<float> FastBprTrainer::final_embeddings() {
  if (settings_.layers == 0) return unpadded(initial_);
  propagate(*settings_.graph, settings_.layers, stride_, initial_.data(), scratch_.data(), final_.data());
  return unpadded(final_);
}

NamedTensors FastBprTrainer::state() const {
  const std::vector<std::int64_t> shape = {settings_.nodes(), settings_.dimension};
  return {{"parameters", tensor_of(unpadded(initial_), shape)},
          {"adam.first", tensor_of(unpadded(adam_.first()), shape)},
          {"adam.second", tensor_of(unpadded(adam_.second()), shape)},
          {"adam.steps", tensor_of(std::vector<std::int64_t>{adam_.steps()})}};
}

void FastBprTrainer::restore(const NamedTensors& state) {
  const auto values = [&](const std::string& name) {
    const auto tensor = required_state(state, name, torch::kFloat32, {settings_.nodes(), settings_.dimension});
    return with_padding({tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())});
  };
  const auto steps = required_state(state, "adam.steps", torch::kInt64, {1});
  initial_ = values("parameters");
  adam_.restore(*steps.data_ptr<std::int64_t>(), values("adam.first"), values("adam.second"));
}

BprSamples FastBprTrainer::batch_of(const BprSamples& samples, std::size_t batch) const {
  const auto size = static_cast<std::size_t>(settings_.batch_size);
  return samples.slice(batch * size, std::min(size, samples.size() - batch * size));
}

/// The rows of every batch of the epoch, before the first step: batches are independent here, but not later.
void FastBprTrainer::group_batches(const BprSamples& samples) {
  const auto size = static_cast<std::size_t>(settings_.batch_size);
  groups_.resize((samples.size() + size - 1) / size);
#pragma omp parallel
  {
    std::vector<std::int32_t> slots(static_cast<std::size_t>(settings_.nodes()), -1);
#pragma omp for schedule(static)
    for (std::size_t batch = 0; batch < groups_.size(); ++batch) {
      group_rows(batch_of(samples, batch), settings_.users, slots, groups_[batch]);
    }
  }
}

double FastBprTrainer::evaluate(const Batch& batch) {
  const bool propagated = settings_.layers > 0;
  if (propagated) propagate_columns(initial_.data(), final_.data());
  const float* values = propagated ? final_.data() : initial_.data();
  const auto own = world_.own_share(batch.samples.size());
  score_samples(batch.samples, own, values);
  share_slopes(batch.samples.size(), own);
  sum_rows(batch.samples, batch.groups, values);
  double* const losses = losses_.data();
  double loss = 0;
  for (std::size_t sample = own.first; sample < own.end(); ++sample) loss += losses[sample];
  if (propagated) propagate_columns(gradient_.data(), initial_gradient_.data());
  // Every process computes the whole of this term.
  loss += regularize(batch.samples.size(), batch.groups, total_gradient().data()) / world_.size();
  return loss / static_cast<double>(batch.samples.size());
}

/// Propagation takes each column by itself: every process takes some of them, then all have all.
void FastBprTrainer::propagate_columns(const float* in, float* out) {
  const auto processes = static_cast<std::int64_t>(world_.size());
  if (processes == 1) {
    propagate(*settings_.graph, settings_.layers, stride_, in, scratch_.data(), out);
    return;
  }
  const auto lanes = stride_ / kLaneWidth;
  const auto width =
      (lanes + processes - 1) / processes * kLaneWidth;  // columns of a process; behind the last one zeros
  const auto columns_of = [&](std::int64_t rank) { return std::clamp(stride_ - rank * width, std::int64_t{0}, width); };
  const auto nodes = settings_.nodes();
  own_columns_.resize(static_cast<std::size_t>(nodes * width));
  all_columns_.resize(static_cast<std::size_t>(processes) * own_columns_.size());
  if (const auto count = columns_of(world_.rank()); count > 0) {
    const float* const from = in + world_.rank() * width;
    for (std::int64_t node = 0; node < nodes; ++node) {
      std::copy_n(from + node * stride_, count, own_columns_.data() + node * width);
    }
  }
  float* const own = all_columns_.data() + world_.rank() * nodes * width;
  propagate(*settings_.graph, settings_.layers, width, own_columns_.data(), scratch_.data(), own);
  world_.gather(torch::from_blob(own, {nodes * width}, torch::kFloat32),
                torch::from_blob(all_columns_.data(), {processes * nodes * width}, torch::kFloat32));
  for (std::int64_t rank = 0; rank < processes; ++rank) {
    const float* const from = all_columns_.data() + rank * nodes * width;
    const auto count = columns_of(rank);
    if (count == 0) continue;
    for (std::int64_t node = 0; node < nodes; ++node) {
      std::copy_n(from + node * width, count, out + node * stride_ + rank * width);
    }
  }
}

/// The loss of each own sample and its derivative with respect to the difference of scores.
void FastBprTrainer::score_samples(const BprSamples& batch, tensor::Share own, const float* values) {
  const auto count = static_cast<std::int64_t>(own.count);
  const float mean = 1.0F / static_cast<float>(batch.size());
#pragma omp parallel for schedule(static) if (count * stride_ >= settings_.parallel_from)
  for (std::int64_t n = 0; n < count; ++n) {
    const auto sample = own.first + static_cast<std::size_t>(n);
    const float* user = values + batch.users[sample] * stride_;
    const float* preferred = values + (settings_.users + batch.preferred[sample]) * stride_;
    const float* other = values + (settings_.users + batch.others[sample]) * stride_;
    const float x = difference_product(user, preferred, other, stride_);
    losses_[sample] = static_cast<double>(batch.weights[sample]) * softplus_of_minus(x);
    slopes_[sample] = -batch.weights[sample] * mean / (1.0F + std::exp(x));
  }
}

/// A sample's gradient is its slope times rows that every process has: the slopes alone are sent (Xie et al., Distributed machine learning via
/// sufficient factor broadcasting, 2014), and everybody sums the rows in the order of one process.
void FastBprTrainer::share_slopes(std::size_t batch_size, tensor::Share own) {
  if (world_.size() == 1) return;
  float* const slopes = slopes_.data();
  std::fill(slopes, slopes + own.first, 0.0F);
  std::fill(slopes + own.end(), slopes + batch_size, 0.0F);
  world_.sum(torch::from_blob(slopes, {static_cast<std::int64_t>(batch_size)}, torch::kFloat32));
}

/// Sums the contributions of the samples, row by row.
void FastBprTrainer::sum_rows(const BprSamples& batch, const RowGroups& groups, const float* values) {
  const auto rows = static_cast<std::int64_t>(groups.rows.size());
  const auto work = static_cast<std::int64_t>(groups.entries.size()) * stride_;
#pragma omp parallel for schedule(dynamic, 64) if (work >= settings_.parallel_from)
  for (std::int64_t n = 0; n < rows; ++n) {
    const auto group = static_cast<std::size_t>(n);
    float* const target = gradient_.data() + groups.rows[group] * stride_;
    for (auto e = static_cast<std::size_t>(groups.offsets[group]);
         e < static_cast<std::size_t>(groups.offsets[group + 1]); ++e) {
      const std::size_t sample = groups.entries[e].sample();
      const float slope = slopes_[sample];
      const float* user = values + batch.users[sample] * stride_;
      switch (groups.entries[e].role()) {
        case SampleRole::kUser:
          add_scaled(target, slope, values + (settings_.users + batch.preferred[sample]) * stride_, stride_);
          add_scaled(target, -slope, values + (settings_.users + batch.others[sample]) * stride_, stride_);
          break;
        case SampleRole::kPreferred:
          add_scaled(target, slope, user, stride_);
          break;
        case SampleRole::kOther:
          add_scaled(target, -slope, user, stride_);
          break;
      }
    }
  }
}

double FastBprTrainer::regularize(std::size_t batch_size, const RowGroups& groups, float* gradient) const {
  if (settings_.regularization == 0) return 0;
  double total = 0;
  const double per_sample = settings_.regularization / static_cast<double>(batch_size);
  for (std::size_t group = 0; group < groups.rows.size(); ++group) {
    const float* row = initial_.data() + groups.rows[group] * stride_;
    const int touches = groups.offsets[group + 1] - groups.offsets[group];
    add_scaled(gradient + groups.rows[group] * stride_, static_cast<float>(per_sample * touches), row, stride_);
    Lane squares{};
    for (std::int64_t n = 0; n < stride_; n += kLaneWidth) {
      Lane lane;
      load(lane, row + n);
      squares += lane * lane;
    }
    float square = 0;
    for (std::int64_t n = 0; n < kLaneWidth; ++n) square += squares[n];
    total += static_cast<double>(square) * touches;
  }
  return settings_.regularization / 2 * total;
}

void FastBprTrainer::clear_gradient(const RowGroups& groups) {
  for (const std::int32_t row : groups.rows) {
    std::memset(gradient_.data() + row * stride_, 0, static_cast<std::size_t>(stride_) * sizeof(float));
  }
}

std::vector<float> FastBprTrainer::unpadded(const std::vector<float>& values) const {
  std::vector<float> result(static_cast<std::size_t>(settings_.nodes() * settings_.dimension));
  for (std::int64_t row = 0; row < settings_.nodes(); ++row) {
    std::copy_n(values.begin() + row * stride_, settings_.dimension, result.begin() + row * settings_.dimension);
  }
  return result;
}

std::vector<float> FastBprTrainer::with_padding(std::span<const float> values) const {
  std::vector<float> result(static_cast<std::size_t>(settings_.nodes() * stride_), 0.0F);
  for (std::int64_t row = 0; row < settings_.nodes(); ++row) {
    std::copy_n(values.begin() + row * settings_.dimension, settings_.dimension, result.begin() + row * stride_);
  }
  return result;
}

std::unique_ptr<BprTrainer> make_fast_bpr_trainer(const BprSettings& settings, std::span<const float> initial) {
  return std::make_unique<FastBprTrainer>(settings, initial);
}

}  // namespace llama4rec::recommenders
