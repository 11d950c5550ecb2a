#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "recommenders/direct/fast_bpr_trainer.h"
#include "recommenders/direct/lanes.h"
#include "recommenders/direct/mixgcf_trainer.h"
#include "recommenders/direct/mixing_draws.h"
#include "recommenders/direct/propagation.h"

namespace llama4rec::recommenders {
namespace {

/// user . (other + a (preferred - other)) over whole lanes.
float mixed_product(const float* user, const float* preferred, const float* other, std::uint64_t key,
                    std::int64_t stride) {
  Lane sums{};
  const auto add = [&](std::int64_t n, const Lane& share) {
    Lane u;
    Lane p;
    Lane o;
    load(u, user + n);
    load(p, preferred + n);
    load(o, other + n);
    sums += u * (o + share * (p - o));
  };
  std::uint32_t pair = 0;
  for (std::int64_t n = 0; n < stride; n += 2 * kLaneWidth, ++pair) {
    Lane first;
    Lane second;
    uniform_lanes(key, pair, first, second);
    add(n, first);
    if (n + kLaneWidth < stride) add(n + kLaneWidth, second);
  }
  float total = 0;
  for (std::int64_t n = 0; n < kLaneWidth; ++n) total += sums[n];
  return total;
}

class FastMixGcfTrainer final : public FastBprTrainer {
 public:
  FastMixGcfTrainer(const MixGcfSettings& mix, std::span<const float> initial)
      : FastBprTrainer(mix.bpr, initial), mix_(mix), draws_(mix.seed, 0) {
    const auto size = static_cast<std::size_t>(settings().nodes() * stride());
    propagated_.assign(static_cast<std::size_t>(mix.bpr.layers), std::vector<float>(size));
    slopes_.assign(static_cast<std::size_t>(mix.bpr.layers + 1), std::vector<float>(size, 0.0F));
    mean_.resize(size);
    masked_.resize(size);
    selected_.resize(slopes_.size());
    kept_.resize(slopes_.size());
    groups_.resize(slopes_.size());
    slots_.assign(slopes_.size(), std::vector<std::int32_t>(static_cast<std::size_t>(settings().nodes()), -1));
  }

  void begin_epoch(std::int64_t epoch) override { draws_ = MixingDraws(mix_.seed, epoch); }

 protected:
  double evaluate(const Batch& batch) override {
    propagate_layers(batch.first);
    reserve(batch.samples.size());
    const auto candidates = draws_.candidates(*mix_.sampler, batch.samples, batch.first, mix_.candidates);
    const auto count = static_cast<std::int64_t>(batch.samples.size());
#pragma omp parallel for schedule(dynamic, 16)
    for (std::int64_t n = 0; n < count; ++n) {
      const auto sample = static_cast<std::size_t>(n);
      score_sample(batch, sample, candidates.data() + n * mix_.candidates);
    }
    double loss = 0;
    for (std::size_t sample = 0; sample < batch.samples.size(); ++sample) loss += losses_[sample];
    sum_layers(batch.samples);
    back_propagate(batch.first);
    loss += regularize(batch.samples.size(), groups_.front(), total_gradient().data());
    clear();
    return loss / static_cast<double>(batch.samples.size());
  }

 private:
  [[nodiscard]] std::int64_t layers() const { return settings().layers; }
  /// e_k.
  [[nodiscard]] const float* layer(std::int64_t k) const {
    return k == 0 ? initial() : propagated_[static_cast<std::size_t>(k - 1)].data();
  }

  void reserve(std::size_t samples) {
    const auto size = samples * static_cast<std::size_t>(stride());
    losses_.resize(std::max(losses_.size(), samples));
    directions_.resize(std::max(directions_.size(), size));
    for (auto& items : selected_) items.resize(samples);
    for (auto& values : kept_) values.resize(std::max(values.size(), size));
  }

  /// to = from * dropout mask of a layer, [nodes, stride]; may be the same buffer.
  void drop(std::size_t first, std::int64_t k, const float* from, float* to) const {
    const auto rate = static_cast<float>(mix_.dropout);
#pragma omp parallel for schedule(static)
    for (std::int64_t row = 0; row < settings().nodes(); ++row) {
      const std::uint64_t key = draws_.dropout_key(first, k, row);
      for (std::int64_t n = 0; n < stride(); n += kLaneWidth) {
        Lane value;
        load(value, from + row * stride() + n);
        store(to + row * stride() + n, value * dropout_lane(key, static_cast<std::uint32_t>(n / kLaneWidth), rate));
      }
    }
  }

  void propagate_layers(std::size_t first) {
    for (std::int64_t k = 1; k <= layers(); ++k) {
      float* out = propagated_[static_cast<std::size_t>(k - 1)].data();
      propagate_once(*settings().graph, stride(), layer(k - 1), nullptr, 1.0F, out);
      if (mix_.dropout > 0) drop(first, k, out, out);
    }
    const float share = 1.0F / static_cast<float>(layers() + 1);
    const auto size = static_cast<std::int64_t>(mean_.size());
#pragma omp parallel for schedule(static)
    for (std::int64_t n = 0; n < size; ++n) {
      float sum = 0;
      for (std::int64_t k = 0; k <= layers(); ++k) sum += layer(k)[n];
      mean_[static_cast<std::size_t>(n)] = share * sum;
    }
  }

  /// Selects a sample's candidates and leaves its loss, the gradient of f_u's layers, and of e_k,i's layers.
  void score_sample(const Batch& batch, std::size_t sample, const ItemIndex* candidates) {
    const float share = 1.0F / static_cast<float>(layers() + 1);
    const std::int64_t preferred_row = (settings().users + batch.samples.preferred[sample]) * stride();
    const float* user = mean_.data() + batch.samples.users[sample] * stride();
    const auto at = static_cast<std::int64_t>(sample) * stride();
    float* const direction = directions_.data() + at;  // f_i - n
    std::copy_n(mean_.data() + preferred_row, stride(), direction);
    const bool given = batch.samples.is_given(sample);
    for (std::int64_t k = 0; k <= layers(); ++k) {
      const float* preferred = layer(k) + preferred_row;
      const auto other_of = [&](std::int64_t c) { return layer(k) + (settings().users + candidates[c]) * stride(); };
      std::int64_t best = 0;
      float best_score = -std::numeric_limits<float>::infinity();
      for (std::int64_t c = 0; !given && c < mix_.candidates; ++c) {
        const float score =
            mixed_product(user, preferred, other_of(c), draws_.mixing_key(batch.first + sample, k, c), stride());
        if (score > best_score) {
          best_score = score;
          best = c;
        }
      }
      const auto kth = static_cast<std::size_t>(k);
      selected_[kth][sample] = candidates[best];
      const std::uint64_t key = draws_.mixing_key(batch.first + sample, k, best);
      for (std::int64_t n = 0; n < stride(); n += kLaneWidth) {
        Lane p;
        Lane o;
        Lane total;
        load(p, preferred + n);
        load(o, other_of(best) + n);
        load(total, direction + n);
        Lane rest = Lane{} + 1.0F;  // 1 - a
        if (!given) rest -= uniform_lane(key, static_cast<std::uint32_t>(n / kLaneWidth));
        store(direction + n, total - share * (p - rest * (p - o)));
        store(kept_[kth].data() + at + n, rest);
      }
    }
    finish_sample(batch.samples, sample, user, direction);
  }

  /// Turns the direction into the gradient of the user, the kept shares into that of the items.
  void finish_sample(const BprSamples& samples, std::size_t sample, const float* user, float* direction) {
    Lane products{};
    for (std::int64_t n = 0; n < stride(); n += kLaneWidth) {
      Lane u;
      Lane d;
      load(u, user + n);
      load(d, direction + n);
      products += u * d;
    }
    float x = 0;
    for (std::int64_t n = 0; n < kLaneWidth; ++n) x += products[n];
    losses_[sample] = static_cast<double>(samples.weights[sample]) * softplus_of_minus(x);
    const float slope =
        -samples.weights[sample] / (static_cast<float>(samples.size() * kept_.size()) * (1.0F + std::exp(x)));
    for (std::int64_t n = 0; n < stride(); n += kLaneWidth) {
      Lane u;
      Lane d;
      load(u, user + n);
      load(d, direction + n);
      store(direction + n, slope * d);
      for (auto& values : kept_) {
        float* const at = values.data() + static_cast<std::int64_t>(sample) * stride() + n;
        Lane rest;
        load(rest, at);
        store(at, slope * u * rest);
      }
    }
  }

  /// Gradients with respect to every e_k, row by row in the order of the samples.
  void sum_layers(const BprSamples& samples) {
    const auto count = static_cast<std::int64_t>(slopes_.size());
#pragma omp parallel for schedule(dynamic, 1)
    for (std::int64_t k = 0; k < count; ++k) {
      const auto kth = static_cast<std::size_t>(k);
      BprSamples layered = samples;
      layered.others = selected_[kth];
      RowGroups& groups = groups_[kth];
      group_rows(layered, settings().users, slots_[kth], groups);
      for (std::size_t group = 0; group < groups.rows.size(); ++group) {
        float* const target = slopes_[kth].data() + groups.rows[group] * stride();
        for (auto e = static_cast<std::size_t>(groups.offsets[group]);
             e < static_cast<std::size_t>(groups.offsets[group + 1]); ++e) {
          const auto at = static_cast<std::int64_t>(groups.entries[e].sample()) * stride();
          const SampleRole role = groups.entries[e].role();
          const float* from = role == SampleRole::kUser ? directions_.data() + at : kept_[kth].data() + at;
          add_scaled(target, role == SampleRole::kOther ? -1.0F : 1.0F, from, stride());
        }
      }
    }
  }

  /// The gradient with respect to e from those with respect to every e_k.
  void back_propagate(std::size_t first) {
    const float* x = slopes_.back().data();
    float* target = total_gradient().data();
    for (std::int64_t k = layers(); k > 0; --k) {
      if (mix_.dropout > 0) {
        drop(first, k, x, masked_.data());
        x = masked_.data();
      }
      target = (k % 2 == 1) ? total_gradient().data() : scratch();
      propagate_once(*settings().graph, stride(), x, slopes_[static_cast<std::size_t>(k - 1)].data(), 1.0F, target);
      x = target;
    }
  }

  void clear() {
    for (std::size_t k = 0; k < slopes_.size(); ++k) {
      for (const std::int32_t row : groups_[k].rows) {
        std::memset(slopes_[k].data() + row * stride(), 0, static_cast<std::size_t>(stride()) * sizeof(float));
      }
    }
  }

  MixGcfSettings mix_;
  MixingDraws draws_;
  std::vector<std::vector<float>> propagated_;  ///< e_1 ... e_layers, [nodes, stride] each
  std::vector<float> mean_;                     ///< f, [nodes, stride]
  std::vector<std::vector<float>> slopes_;      ///< gradients with respect to e_0 ... e_layers; zero between batches
  std::vector<float> masked_;                   ///< [nodes, stride]
  std::vector<double> losses_;                  ///< [batch]
  std::vector<float> directions_;               ///< f_i - n, then its share in the gradient of e_k,u; [batch, stride]
  std::vector<std::vector<float>>
      kept_;  ///< 1 - a, then the gradient with respect to e_k,i; [layers + 1][batch, stride]
  std::vector<std::vector<ItemIndex>> selected_;  ///< [layers + 1][batch]
  std::vector<RowGroups> groups_;                 ///< [layers + 1]
  std::vector<std::vector<std::int32_t>> slots_;  ///< scratch of the grouping, [layers + 1][nodes]
};

}  // namespace

std::unique_ptr<BprTrainer> make_fast_mixgcf_trainer(const MixGcfSettings& settings, std::span<const float> initial) {
  return std::make_unique<FastMixGcfTrainer>(settings, initial);
}

}  // namespace llama4rec::recommenders
