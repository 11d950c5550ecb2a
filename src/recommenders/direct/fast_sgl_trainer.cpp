#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "recommenders/direct/fast_bpr_trainer.h"
#include "recommenders/direct/info_nce.h"
#include "recommenders/direct/propagation.h"
#include "recommenders/direct/sgl_trainer.h"

namespace llama4rec::recommenders {
namespace {

class FastSglTrainer final : public FastBprTrainer {
 public:
  FastSglTrainer(const SglSettings& sgl, std::span<const float> initial)
      : FastBprTrainer(sgl.bpr, initial), sgl_(sgl), contrast_(stride(), sgl.temperature) {
    const auto size = static_cast<std::size_t>(settings().nodes() * stride());
    for (auto* buffers : {&embeddings_, &gradients_}) {
      for (auto& buffer : *buffers) buffer.resize(size);
    }
    layer_.resize(size);
    sum_.resize(size);
    other_layer_.resize(size);
  }

  void begin_epoch(std::int64_t epoch) override {
    for (std::size_t n = 0; n < views_.size(); ++n) views_[n] = draw_view(*settings().graph, sgl_.views, epoch, n);
  }

 protected:
  double add_term(const Batch& batch, float* gradient) override {
    for (std::size_t n = 0; n < views_.size(); ++n) embed(views_[n], embeddings_[n].data());
    for (auto& slopes : gradients_) std::fill(slopes.begin(), slopes.end(), 0.0F);
    select(batch.groups);
    double loss = 0;
    const auto contrast = [&](const std::vector<std::int32_t>& rows) {
      loss += contrast_.add(rows, embeddings_[0].data(), embeddings_[1].data(), sgl_.weight, gradients_[0].data(),
                            gradients_[1].data());
    };
    if (sgl_.joint) {
      users_.insert(users_.end(), items_.begin(), items_.end());
      contrast(users_);
    } else {
      contrast(users_);
      contrast(items_);
    }
    for (std::size_t n = 0; n < views_.size(); ++n) add_backward(views_[n], gradients_[n].data(), gradient);
    return sgl_.weight * loss;
  }

 private:
  /// The distinct users and preferred items of a batch, as rows.
  void select(const RowGroups& groups) {
    users_.clear();
    items_.clear();
    for (std::size_t group = 0; group < groups.rows.size(); ++group) {
      if (groups.rows[group] < settings().users) {
        users_.push_back(groups.rows[group]);
        continue;
      }
      const auto begin = groups.entries.begin() + groups.offsets[group];
      const auto end = groups.entries.begin() + groups.offsets[group + 1];
      const bool preferred =
          std::any_of(begin, end, [](const SampleEntry& entry) { return entry.role() == SampleRole::kPreferred; });
      if (preferred) items_.push_back(groups.rows[group]);
    }
  }

  /// out = mean over layers of A_k ... A_1 e.
  void embed(const GraphView& view, float* out) {
    const std::int64_t layers = settings().layers;
    if (view.graphs.size() == 1) {
      propagate(view.graphs.front(), layers, stride(), initial(), layer_.data(), out);
      return;
    }
    std::copy_n(initial(), sum_.size(), sum_.begin());
    const float* x = initial();
    float* target = layer_.data();
    for (std::int64_t k = 0; k < layers; ++k) {
      const InteractionGraph& graph = view.of_layer(static_cast<std::size_t>(k));
      if (k + 1 == layers) {
        propagate_once(graph, stride(), x, sum_.data(), 1.0F / static_cast<float>(layers + 1), out);
        return;
      }
      propagate_once(graph, stride(), x, nullptr, 1.0F, target);
      std::transform(sum_.begin(), sum_.end(), target, sum_.begin(), std::plus<>());
      x = target;
      target = target == layer_.data() ? other_layer_.data() : layer_.data();
    }
  }

  /// gradient += mean over layers of A_1 ... A_k g: the same sum from the other end, evaluated as A_1(A_2(g) + g) + g.
  void add_backward(const GraphView& view, const float* g, float* gradient) {
    const std::int64_t layers = settings().layers;
    const float* x = g;
    float* target = layer_.data();
    for (std::int64_t k = layers; k-- > 0;) {
      const float scale = k == 0 ? 1.0F / static_cast<float>(layers + 1) : 1.0F;
      propagate_once(view.of_layer(static_cast<std::size_t>(k)), stride(), x, g, scale, target);
      x = target;
      target = target == layer_.data() ? other_layer_.data() : layer_.data();
    }
    std::transform(gradient, gradient + layer_.size(), x, gradient, std::plus<>());
  }

  SglSettings sgl_;
  std::array<GraphView, 2> views_;
  InfoNce contrast_;
  std::array<std::vector<float>, 2> embeddings_;  ///< of the views, [nodes, stride]
  std::array<std::vector<float>, 2> gradients_;   ///< with respect to them
  std::vector<float> layer_;                      ///< [nodes, stride], as the next two
  std::vector<float> other_layer_;
  std::vector<float> sum_;
  std::vector<std::int32_t> users_;
  std::vector<std::int32_t> items_;
};

}  // namespace

std::unique_ptr<BprTrainer> make_fast_sgl_trainer(const SglSettings& settings, std::span<const float> initial) {
  return std::make_unique<FastSglTrainer>(settings, initial);
}

}  // namespace llama4rec::recommenders
