#include <array>

#include "recommenders/direct/plain_bpr_trainer.h"
#include "recommenders/direct/sgl_trainer.h"

namespace llama4rec::recommenders {
namespace {

namespace F = torch::nn::functional;

class PlainSglTrainer final : public PlainBprTrainer {
 public:
  PlainSglTrainer(const SglSettings& sgl, std::span<const float> initial, torch::Device device)
      : PlainBprTrainer(sgl.bpr, initial, device), sgl_(sgl) {}

  void begin_epoch(std::int64_t epoch) override {
    for (std::size_t n = 0; n < views_.size(); ++n) {
      const GraphView view = draw_view(*settings().graph, sgl_.views, epoch, n);
      views_[n].clear();
      for (std::int64_t k = 0; k < settings().layers; ++k) {
        views_[n].push_back(adjacency_matrix(view.of_layer(static_cast<std::size_t>(k)), device()));
      }
    }
  }

 protected:
  torch::Tensor loss(const BprSamples& batch, std::size_t first) override {
    const Nodes nodes = nodes_of(batch);
    const auto users = std::get<0>(torch::_unique(nodes.users));
    const auto items = std::get<0>(torch::_unique(nodes.preferred));
    const std::array<torch::Tensor, 2> values = {propagated(views_[0]), propagated(views_[1])};
    const auto contrast =
        sgl_.joint ? info_nce(values, torch::cat({users, items})) : info_nce(values, users) + info_nce(values, items);
    return PlainBprTrainer::loss(batch, first) + sgl_.weight * contrast;
  }

 private:
  [[nodiscard]] torch::Tensor info_nce(const std::array<torch::Tensor, 2>& values, const torch::Tensor& rows) const {
    const auto unit1 = F::normalize(values[0].index_select(0, rows), F::NormalizeFuncOptions().dim(1));
    const auto unit2 = F::normalize(values[1].index_select(0, rows), F::NormalizeFuncOptions().dim(1));
    const auto similarities = torch::mm(unit1, unit2.t()) / sgl_.temperature;
    return -torch::log_softmax(similarities, 1).diagonal().mean();
  }

  SglSettings sgl_;
  std::array<std::vector<torch::Tensor>, 2> views_;  ///< a matrix for each layer
};

}  // namespace

std::unique_ptr<BprTrainer> make_plain_sgl_trainer(const SglSettings& settings, std::span<const float> initial,
                                                   const std::string& device) {
  return std::make_unique<PlainSglTrainer>(settings, initial, tensor::parse_device(device));
}

}  // namespace llama4rec::recommenders
