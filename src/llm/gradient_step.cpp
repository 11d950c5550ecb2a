#include "llm/gradient_step.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/random.h"

namespace llama4rec::llm {
namespace {

using torch::Tensor;

/// The piece `number` of `count` similar ones.
std::span<const std::int64_t> piece_of(std::span<const std::int64_t> places, std::int64_t number, std::int64_t count) {
  const auto share = tensor::share_of(places.size(), static_cast<std::size_t>(number), static_cast<std::size_t>(count));
  return places.subspan(share.first, share.count);
}

/// Tokens that are read and tokens that are learned.
std::pair<std::int64_t, std::int64_t> count_tokens(std::span<const TrainingExample> examples,
                                                   std::span<const std::int64_t> places) {
  std::int64_t read = 0;
  std::int64_t learned = 0;
  for (const auto place : places) {
    const auto& example = examples[static_cast<std::size_t>(place)];
    read += example.length() - 1;
    learned += std::count(example.learned.begin() + 1, example.learned.end(), true);
  }
  return {read, learned};
}

}  // namespace

GradientStep::GradientStep(const Transformer& model, const LoraAdapters* adapters, ParameterUnits& units,
                           const tensor::World& world, const StepOptions& options)
    : model_(&model),
      adapters_(adapters),
      units_(&units),
      world_(&world),
      options_(options),
      by_blocks_(options.activation_checkpointing || units.stage() >= ZeroStage::kGradients),
      keeps_copies_(options.mixed_precision && units.stage() != ZeroStage::kWeights) {
  // Weights that are released are gone from autograd's graph, too.
  if (units.stage() == ZeroStage::kWeights) options_.activation_checkpointing = true;
}

std::span<const std::int64_t> GradientStep::own_places(std::span<const std::int64_t> places) const {
  return piece_of(places, world_->rank(), world_->size());
}

std::vector<GradientStep::Share> GradientStep::shares_of(std::span<const TrainingExample> examples,
                                                         std::span<const std::int64_t> places,
                                                         std::int64_t learned) const {
  const auto count = static_cast<std::int64_t>(places.size());
  const auto threads = model_->device().is_cpu() ? std::int64_t{at::get_num_threads()} : std::int64_t{1};
  std::vector<Share> shares(static_cast<std::size_t>(std::min(count, threads)));
  for (std::size_t i = 0; i < shares.size(); ++i) {
    auto& share = shares[i];
    share.batch =
        make_batch(examples, piece_of(places, static_cast<std::int64_t>(i), static_cast<std::int64_t>(shares.size())));
    share.shape = {.batch = share.batch.tokens.size(0), .length = share.batch.tokens.size(1)};
    share.factor = static_cast<double>(share.batch.targets.size(0)) / static_cast<double>(learned);
    for (auto* tensor : {&share.batch.tokens, &share.batch.sources, &share.batch.targets}) {
      *tensor = tensor->to(model_->device());
    }
    share.pass.adapters = adapters_;
  }
  return shares;
}

template <class Compute>
void GradientStep::for_shares(std::vector<Share>& shares, const Compute& compute) const {
  const auto count = static_cast<std::int64_t>(shares.size());
  if (count == 1) {
    compute(shares.front());
    return;
  }
  const bool learning = torch::GradMode::is_enabled();
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    const torch::AutoGradMode gradients(learning);
    for (std::int64_t i = begin; i < end; ++i) compute(shares[static_cast<std::size_t>(i)]);
  });
}

void GradientStep::add_gradients(std::size_t unit, std::vector<Share>& shares) {
  std::vector<std::vector<Tensor>> lists;
  for (auto& share : shares) lists.push_back(std::move(share.gradients));
  units_->add_gradients(unit, lists);
}

void GradientStep::refresh_copies() {
  if (!keeps_copies_) return;
  const bool frozen = adapters_ != nullptr;  // nothing in them changes
  if (frozen && !copies_.blocks.empty()) return;
  copies_ = {};  // never two of them
  copies_ = model_->mixed_weights();
}

StepResult GradientStep::compute(std::span<const TrainingExample> examples, std::span<const std::int64_t> places,
                                 std::uint64_t dropout_seed) {
  StepResult result;
  std::tie(result.read, result.learned) = count_tokens(examples, places);
  refresh_copies();
  units_->forget_gradients();
  const auto own = own_places(places);
  // Every process goes through the same number of parts: they meet in each where gradients are summed by blocks.
  for (std::int64_t part = 0; part < options_.accumulation; ++part) {
    const auto seed = derived_seed(dropout_seed, "llm.part",
                                   {static_cast<std::uint64_t>(world_->rank()), static_cast<std::uint64_t>(part)});
    auto shares = shares_of(examples, piece_of(own, part, options_.accumulation), result.learned);
    for (std::size_t i = 0; i < shares.size(); ++i) {
      shares[i].pass.dropout_seed = derived_seed(seed, "llm.shard", {static_cast<std::uint64_t>(i)});
      shares[i].pass.mixed = keeps_copies_ ? &copies_ : nullptr;
    }
    if (by_blocks_) {
      block_by_block(shares);
    } else {
      through_the_whole_model(shares);
    }
    for (const auto& share : shares) result.loss += share.loss;
  }
  units_->sum_gradients();
  return result;
}

void GradientStep::through_the_whole_model(std::vector<Share>& shares) {
  std::vector<Tensor> weights;
  for (std::size_t unit = 0; unit < units_->size(); ++unit) {
    weights.insert(weights.end(), units_->trainable(unit).begin(), units_->trainable(unit).end());
  }
  for_shares(shares, [&](Share& share) {
    const auto states = model_->training_states(share.batch.tokens, share.pass);
    const auto mean = model_->loss(states.index_select(0, share.batch.sources), share.batch.targets,
                                   keeps_copies_ ? &copies_.head : nullptr);
    const auto part = mean * share.factor;
    share.loss = part.item<double>();
    share.gradients = torch::autograd::grad({part}, weights);
  });
  // Unit by unit out of the long lists.
  std::size_t first = 0;
  for (std::size_t unit = 0; unit < units_->size(); ++unit) {
    const auto count = units_->trainable(unit).size();
    std::vector<std::vector<Tensor>> gradients;
    for (const auto& share : shares) {
      const auto begin = share.gradients.begin() + static_cast<std::ptrdiff_t>(first);
      gradients.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(count));
    }
    units_->add_gradients(unit, gradients);
    first += count;
  }
}

const MixedBlock* GradientStep::copies_of(std::size_t layer, MixedBlock& own) const {
  if (!options_.mixed_precision) return nullptr;
  if (keeps_copies_) return &copies_.blocks[layer];
  own = model_->mixed_block(layer);
  return &own;
}

void GradientStep::block_by_block(std::vector<Share>& shares) {
  units_->gather(0);
  forward_blocks(shares, Arithmetic::kTraining);
  backward_head(shares);
  backward_blocks(shares);
  backward_embedding(shares);
  units_->release(0);
}

void GradientStep::forward_blocks(std::vector<Share>& shares, Arithmetic arithmetic) {
  const bool exact = arithmetic == Arithmetic::kExact;
  for_shares(shares, [&](Share& share) {
    share.embedded = model_->embedded(share.batch.tokens, share.pass);
    share.top = share.embedded.detach();
  });
  const torch::AutoGradMode recording(torch::GradMode::is_enabled() && !options_.activation_checkpointing);
  const bool recorded = torch::GradMode::is_enabled();
  for (std::size_t layer = 0; layer < model_->blocks().size(); ++layer) {
    units_->gather(layer + 1);
    MixedBlock own;
    const auto* mixed = exact ? nullptr : copies_of(layer, own);
    for_shares(shares, [&](Share& share) {
      const auto input = share.top.requires_grad_(recorded);
      const auto output = model_->block_states(layer, input, share.shape, share.pass, mixed);
      share.top = output.detach();
      if (exact) return;
      share.inputs.push_back(input);
      if (recorded) share.outputs.push_back(output);
    });
    units_->release(layer + 1);
  }
}

void GradientStep::backward_head(std::vector<Share>& shares) {
  const auto& outside = units_->trainable(0);
  const auto own = options_.mixed_precision && !keeps_copies_ ? MixedWeight(model_->head()) : MixedWeight();
  const MixedWeight* mixed = !options_.mixed_precision ? nullptr : keeps_copies_ ? &copies_.head : &own;
  for_shares(shares, [&](Share& share) {
    const auto top = share.top.requires_grad_();
    const auto mean = model_->loss(top.index_select(0, share.batch.sources), share.batch.targets, mixed);
    const auto part = mean * share.factor;
    share.loss = part.item<double>();
    std::vector<Tensor> asked{top};
    asked.insert(asked.end(), outside.begin(), outside.end());
    // An embedding that is not the head as well is not used here.
    auto gradients = torch::autograd::grad({part}, asked, {}, c10::nullopt, false, true);
    share.gradient = gradients.front();
    share.gradients.assign(gradients.begin() + 1, gradients.end());
    share.top = Tensor();
  });
  if (!outside.empty()) add_gradients(0, shares);
}

void GradientStep::backward_blocks(std::vector<Share>& shares) {
  for (std::size_t layer = model_->blocks().size(); layer-- > 0;) {
    units_->gather(layer + 1);
    const auto& weights = units_->trainable(layer + 1);
    MixedBlock own;
    const auto* mixed = copies_of(layer, own);
    for_shares(shares, [&](Share& share) {
      const auto input = share.inputs[layer].requires_grad_();
      const auto output = options_.activation_checkpointing
                              ? model_->block_states(layer, input, share.shape, share.pass, mixed)
                              : share.outputs[layer];
      std::vector<Tensor> asked{input};
      asked.insert(asked.end(), weights.begin(), weights.end());
      auto gradients = torch::autograd::grad({output}, asked, {share.gradient});
      share.gradient = gradients.front();
      share.gradients.assign(gradients.begin() + 1, gradients.end());
      share.inputs[layer] = Tensor();
      if (!share.outputs.empty()) share.outputs[layer] = Tensor();
    });
    add_gradients(layer + 1, shares);
    units_->release(layer + 1);
  }
}

void GradientStep::backward_embedding(std::vector<Share>& shares) {
  const auto& outside = units_->trainable(0);
  if (outside.empty()) return;
  for_shares(shares, [&](Share& share) {
    // The embedding is the first parameter of all. What the others get from the head was added there.
    share.gradients.assign(outside.size(), Tensor());
    share.gradients.front() = torch::autograd::grad({share.embedded}, {outside.front()}, {share.gradient}).front();
  });
  add_gradients(0, shares);
}

double GradientStep::total_loss(std::span<const TrainingExample> examples, std::span<const std::int64_t> places) {
  const torch::NoGradGuard no_grad;
  auto shares = shares_of(examples, own_places(places), 1);
  units_->gather(0);
  forward_blocks(shares, Arithmetic::kExact);
  double total = 0;
  for (const auto& share : shares) {
    const auto mean = model_->loss(share.top.index_select(0, share.batch.sources), share.batch.targets);
    total += mean.item<double>() * share.factor;
  }
  units_->release(0);
  return total;
}

}  // namespace llama4rec::llm
