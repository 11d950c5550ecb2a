#include <algorithm>
#include <vector>

#include "recommenders/direct/lanes.h"
#include "recommenders/direct/mixgcf_trainer.h"
#include "recommenders/direct/mixing_draws.h"
#include "recommenders/direct/plain_bpr_trainer.h"

namespace llama4rec::recommenders {
namespace {

class PlainMixGcfTrainer final : public PlainBprTrainer {
 public:
  PlainMixGcfTrainer(const MixGcfSettings& mix, std::span<const float> initial, torch::Device device)
      : PlainBprTrainer(mix.bpr, initial, device), mix_(mix), draws_(mix.seed, 0) {}

  void begin_epoch(std::int64_t epoch) override { draws_ = MixingDraws(mix_.seed, epoch); }

 protected:
  torch::Tensor loss(const BprSamples& batch, std::size_t first) override {
    const Nodes nodes = nodes_of(batch);
    const auto samples = static_cast<std::int64_t>(batch.size());
    const auto drawn = draws_.candidates(*mix_.sampler, batch, first, mix_.candidates);
    const auto candidates = torch::tensor(std::vector<std::int64_t>(drawn.begin(), drawn.end()), torch::kInt64)  //
                                .to(device()) +
                            settings().users;  // [samples * candidates]

    std::vector<torch::Tensor> layers = {initial()};
    torch::Tensor mean = initial();
    for (std::int64_t k = 1; k <= settings().layers; ++k) {
      torch::Tensor layer = torch::mm(adjacencies().front(), layers.back());
      if (mix_.dropout > 0) layer = layer * dropout_mask(first, k);
      layers.push_back(layer);
      mean = mean + layer;
    }
    mean = mean / static_cast<double>(layers.size());
    const auto users = mean.index_select(0, nodes.users);  // [samples, dimension]

    torch::Tensor negative = torch::zeros_like(users);
    torch::Tensor first_layer_choice;
    for (std::size_t k = 0; k < layers.size(); ++k) {
      const auto shares =
          mixing_shares(batch, first, static_cast<std::int64_t>(k));  // [samples, candidates, dimension]
      const auto preferred = layers[k].index_select(0, nodes.preferred).unsqueeze(1);
      const auto others = layers[k].index_select(0, candidates).view({samples, mix_.candidates, -1});
      const auto mixed = shares * preferred + (1 - shares) * others;
      const auto best = (users.unsqueeze(1) * mixed).sum(2).argmax(1);  // [samples]
      negative = negative + mixed.index({torch::arange(samples, best.options()), best});
      if (k == 0) first_layer_choice = candidates.view({samples, -1}).gather(1, best.unsqueeze(1)).squeeze(1);
    }
    negative = negative / static_cast<double>(layers.size());
    const auto x = (users * (mean.index_select(0, nodes.preferred) - negative)).sum(1);
    const auto ranking = (nodes.weights * torch::nn::functional::softplus(-x)).sum();
    const Nodes touched{nodes.users, nodes.preferred, first_layer_choice, nodes.weights};
    return (ranking + norms(touched)) / static_cast<double>(samples);
  }

 private:
  /// One row of sixteens cut to the dimension.
  template <class Draw>
  void fill(float* row, const Draw& draw) const {
    for (std::int64_t n = 0; n < settings().dimension; n += kLaneWidth) {
      const Lane values = draw(static_cast<std::uint32_t>(n / kLaneWidth));
      for (std::int64_t i = 0; i < std::min(kLaneWidth, settings().dimension - n); ++i) row[n + i] = values[i];
    }
  }

  /// a of every candidate, [samples, candidates, dimension]; 0 where the item was given.
  [[nodiscard]] torch::Tensor mixing_shares(const BprSamples& batch, std::size_t first, std::int64_t layer) const {
    const std::int64_t dimension = settings().dimension;
    auto shares = torch::zeros({static_cast<std::int64_t>(batch.size()), mix_.candidates, dimension});
    auto* row = shares.data_ptr<float>();
    for (std::size_t sample = 0; sample < batch.size(); ++sample) {
      for (std::int64_t c = 0; c < mix_.candidates; ++c, row += dimension) {
        if (batch.is_given(sample)) continue;
        fill(row, [&](std::uint32_t n) { return uniform_lane(draws_.mixing_key(first + sample, layer, c), n); });
      }
    }
    return shares.to(device());
  }

  [[nodiscard]] torch::Tensor dropout_mask(std::size_t first, std::int64_t layer) const {
    auto mask = torch::zeros({settings().nodes(), settings().dimension});
    const auto rate = static_cast<float>(mix_.dropout);
    for (std::int64_t row = 0; row < settings().nodes(); ++row) {
      fill(mask.data_ptr<float>() + row * settings().dimension,
           [&](std::uint32_t n) { return dropout_lane(draws_.dropout_key(first, layer, row), n, rate); });
    }
    return mask.to(device());
  }

  MixGcfSettings mix_;
  MixingDraws draws_;
};

}  // namespace

std::unique_ptr<BprTrainer> make_plain_mixgcf_trainer(const MixGcfSettings& settings, std::span<const float> initial,
                                                      const std::string& device) {
  return std::make_unique<PlainMixGcfTrainer>(settings, initial, tensor::parse_device(device));
}

}  // namespace llama4rec::recommenders
