#include "llm/gradient_step.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include <cmath>

#include "core/random.h"
#include "llm/batching.h"

namespace llama4rec::llm {
namespace {

/// A part of a step that one thread computes alone.
struct Shard {
  TrainingBatch batch;
  double loss = 0;
  std::vector<torch::Tensor> gradients;
};

}  // namespace

StepResult accumulate_gradients(const Transformer& model, const AdamW::Parameters& parameters,
                                std::span<const TrainingExample> examples, std::span<const std::int64_t> places,
                                std::uint64_t dropout_seed, bool mixed_precision) {
  const auto count = static_cast<std::int64_t>(places.size());
  const auto threads = model.device().is_cpu() ? std::int64_t{at::get_num_threads()} : std::int64_t{1};
  std::vector<Shard> shards(static_cast<std::size_t>(std::min(count, threads)));
  const auto share = static_cast<std::int64_t>(shards.size());
  StepResult result;
  for (std::int64_t i = 0; i < share; ++i) {
    const auto begin = static_cast<std::size_t>(i * count / share);
    const auto end = static_cast<std::size_t>((i + 1) * count / share);
    auto& batch = shards[static_cast<std::size_t>(i)].batch;
    batch = make_batch(examples, places.subspan(begin, end - begin));
    result.learned += batch.targets.size(0);
    result.read += batch.read;
  }
  std::vector<torch::Tensor> weights;
  for (const auto& [name, parameter] : parameters) weights.push_back(parameter);
  const auto copies = mixed_precision ? model.mixed_weights() : MixedWeights{};
  const MixedWeights* mixed = mixed_precision ? &copies : nullptr;
  const auto learned = static_cast<double>(result.learned);
  const auto compute = [&](std::int64_t i) {
    auto& shard = shards[static_cast<std::size_t>(i)];
    const auto seed = derived_seed(dropout_seed, "llm.shard", {static_cast<std::uint64_t>(i)});
    const auto states = model.training_states(shard.batch.tokens.to(model.device()), seed, mixed);
    const auto mean = model.loss(states.index_select(0, shard.batch.sources.to(model.device())),
                                 shard.batch.targets.to(model.device()), mixed);
    const auto part = mean * (static_cast<double>(shard.batch.targets.size(0)) / learned);
    shard.loss = part.item<double>();
    if (std::isfinite(shard.loss)) shard.gradients = torch::autograd::grad({part}, weights);
  };
  if (share == 1) {
    compute(0);
  } else {
    at::parallel_for(0, share, 1, [&](std::int64_t begin, std::int64_t end) {
      const torch::AutoGradMode gradients(true);
      for (std::int64_t i = begin; i < end; ++i) compute(i);
    });
  }
  for (const auto& shard : shards) result.loss += shard.loss;
  if (!std::isfinite(result.loss)) return result;
  const torch::NoGradGuard no_grad;
  for (std::size_t p = 0; p < weights.size(); ++p) {
    for (auto& shard : shards) shard.gradients[p] = shard.gradients[p].contiguous();
    weights[p].mutable_grad() = shards.front().gradients[p];
  }
  if (shards.size() == 1) return result;
  const auto chunks = chunks_of(parameters);
  at::parallel_for(0, static_cast<std::int64_t>(chunks.size()), 4, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const auto& chunk = chunks[i];
      float* sum = shards.front().gradients[chunk.parameter].data_ptr<float>();
      for (std::size_t s = 1; s < shards.size(); ++s) {
        const float* more = shards[s].gradients[chunk.parameter].data_ptr<float>();
#pragma omp simd
        for (std::int64_t j = chunk.begin; j < chunk.end; ++j) sum[j] += more[j];
      }
    }
  });
  return result;
}

}  // namespace llama4rec::llm
