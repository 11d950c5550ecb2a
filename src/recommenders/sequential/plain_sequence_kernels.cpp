#include <algorithm>

#include "recommenders/sequential/sequence_kernels.h"
#include "recommenders/sequential/view_contrast.h"

namespace llama4rec::recommenders {
namespace {

using torch::Tensor;

/// Undefined where no target is in the rows of this process.
Tensor target_loss(const SequenceEncoder& encoder, const SequenceLesson& lesson) {
  const auto rows = lesson.own.value_or(tensor::Share{.first = 0, .count = lesson.inputs.size()});
  const auto first_row = static_cast<std::int64_t>(rows.first);
  std::vector<std::int64_t> places;
  std::vector<std::int64_t> items;
  std::vector<std::int64_t> others;
  std::size_t length = 1;
  for (const auto& input : lesson.inputs) length = std::max(length, input.size());
  for (const auto& target : lesson.targets) {
    if (!rows.holds(static_cast<std::size_t>(target.row))) continue;
    const auto size = static_cast<std::int64_t>(lesson.inputs[static_cast<std::size_t>(target.row)].size());
    places.push_back((target.row - first_row + 1) * static_cast<std::int64_t>(length) - size + target.position);
    items.push_back(target.item);
    others.push_back(target.other);
  }
  if (places.empty()) return {};
  const auto batch = make_sequence_batch(std::span(lesson.inputs).subspan(rows.first, rows.count), encoder.mask_item(),
                                         static_cast<std::int64_t>(length));
  const auto states = encoder.states(batch, lesson.sight, lesson.seed, first_row);
  const double share = static_cast<double>(places.size()) / static_cast<double>(lesson.targets.size());
  const auto on_device = [&](const std::vector<std::int64_t>& values) {
    return torch::tensor(values, torch::kInt64).to(encoder.device());
  };
  const auto asked = states.reshape({-1, encoder.shape().dimension}).index_select(0, on_device(places));
  const auto embeddings = encoder.item_embeddings();
  if (!lesson.negatives) return torch::cross_entropy_loss(torch::mm(asked, embeddings.t()), on_device(items)) * share;
  const auto score_of = [&](const std::vector<std::int64_t>& of) {
    return (asked * torch::embedding(embeddings, on_device(of))).sum(1);
  };
  return -(torch::log_sigmoid(score_of(items)) + torch::log_sigmoid(-score_of(others))).mean() * share;
}

Tensor contrast_loss(const SequenceEncoder& encoder, const SequenceContrast& contrast, Sight sight) {
  const auto ends = [&](const std::vector<Sequence>& views, std::uint64_t seed) {
    const auto states = encoder.states(make_sequence_batch(views, encoder.mask_item()), sight, seed);
    return states.select(1, states.size(1) - 1);
  };
  return contrast.weight * view_contrast(ends(contrast.first, contrast.first_seed),
                                         ends(contrast.second, contrast.second_seed), contrast.temperature);
}

class PlainSequenceKernels final : public SequenceKernels {
 public:
  double loss_and_gradient(SequenceEncoder& encoder, const SequenceLesson& lesson) override {
    encoder.gradient().zero_();
    auto loss = target_loss(encoder, lesson);
    if (!loss.defined()) return 0;
    if (lesson.contrast) loss = loss + contrast_loss(encoder, *lesson.contrast, lesson.sight);
    loss.backward();
    return loss.item<double>();
  }

  Tensor end_states(const SequenceEncoder& encoder, std::span<const Sequence> inputs, Sight sight) override {
    const torch::NoGradGuard no_gradient;
    const auto states = encoder.states(make_sequence_batch(inputs, encoder.mask_item()), sight, std::nullopt);
    return states.select(1, states.size(1) - 1).to(torch::kCPU);
  }
};

}  // namespace

std::unique_ptr<SequenceKernels> make_plain_sequence_kernels() { return std::make_unique<PlainSequenceKernels>(); }

}  // namespace llama4rec::recommenders
