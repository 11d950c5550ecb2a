#include "llm/lora/adapters.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/random.h"
#include "llm/layers.h"
#include "llm/transformer.h"

namespace llama4rec::llm {
namespace {

using torch::Tensor;

constexpr std::size_t index_of(AdapterTarget target) { return static_cast<std::size_t>(target); }

/// Values from our own stream: the same on every device and version.
Tensor uniform(std::int64_t rows, std::int64_t columns, double bound, RandomStream& random) {
  auto values = torch::empty({rows, columns}, torch::kFloat32);
  auto* data = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) data[i] = static_cast<float>(bound * (2 * random.uniform() - 1));
  return values;
}

/// The target's rows of a block's matrix.
Tensor rows_of(const ModelConfig& config, const BlockWeights& block, AdapterTarget target) {
  const auto query = config.heads * config.head_dimension();
  const auto key_value = config.key_value_size();
  switch (target) {
    case AdapterTarget::kQuery:
      return block.query_key_value.detach().narrow(0, 0, query);
    case AdapterTarget::kKey:
      return block.query_key_value.detach().narrow(0, query, key_value);
    case AdapterTarget::kValue:
      return block.query_key_value.detach().narrow(0, query + key_value, key_value);
    case AdapterTarget::kOutput:
      return block.attention_output.detach();
    case AdapterTarget::kGate:
      return block.gate_up.detach().narrow(0, 0, config.intermediate);
    case AdapterTarget::kUp:
      return block.gate_up.detach().narrow(0, config.intermediate, config.intermediate);
    case AdapterTarget::kDown:
      return block.down.detach();
  }
  throw InternalError("unknown target of an adapter");
}

}  // namespace

std::pair<std::int64_t, std::int64_t> target_shape(const ModelConfig& config, AdapterTarget target) {
  const auto query = config.heads * config.head_dimension();
  switch (target) {
    case AdapterTarget::kQuery:
      return {query, config.hidden};
    case AdapterTarget::kKey:
    case AdapterTarget::kValue:
      return {config.key_value_size(), config.hidden};
    case AdapterTarget::kOutput:
      return {config.hidden, query};
    case AdapterTarget::kGate:
    case AdapterTarget::kUp:
      return {config.intermediate, config.hidden};
    case AdapterTarget::kDown:
      return {config.hidden, config.intermediate};
  }
  throw InternalError("unknown target of an adapter");
}

std::vector<AdapterTarget> parse_adapter_targets(const std::string& text) {
  std::vector<AdapterTarget> targets;
  if (text == "all" || text == "attention") {
    for (const auto& it : kAdapterTargets) {
      if (text == "all" || it.target <= AdapterTarget::kOutput) targets.push_back(it.target);
    }
    return targets;
  }
  std::stringstream stream(text);
  for (std::string name; std::getline(stream, name, ',');) {
    const auto first = name.find_first_not_of(' ');
    name = first == std::string::npos ? "" : name.substr(first, name.find_last_not_of(' ') - first + 1);
    const auto* const found =
        std::find_if(kAdapterTargets.begin(), kAdapterTargets.end(), [&](const auto& it) { return name == it.name; });
    if (found == kAdapterTargets.end()) {
      throw UsageError(
          fmt::format("tuning.lora_targets: '{}' is unknown; expected all, attention, or a list of q_proj, k_proj, "
                      "v_proj, o_proj, gate_proj, up_proj, down_proj",
                      name));
    }
    if (std::find(targets.begin(), targets.end(), found->target) == targets.end()) targets.push_back(found->target);
  }
  if (targets.empty())
    throw UsageError("tuning.lora_targets is empty; expected all, attention, or names as in q_proj,v_proj");
  std::sort(targets.begin(), targets.end());
  return targets;
}

LoraAdapters::LoraAdapters(const ModelConfig& config, const LoraOptions& options, std::uint64_t seed,
                           const torch::Device& device)
    : config_(config),
      options_(options),
      scale_(options.alpha / static_cast<double>(options.rank)),
      targets_(parse_adapter_targets(options.targets)),
      blocks_(static_cast<std::size_t>(config.layers)) {
  RandomStream random(seed, "lora.weights");
  for (auto& block : blocks_) {
    for (const auto target : targets_) {
      const auto [out, in] = target_shape(config, target);
      if (options.rank > std::min(out, in)) {
        throw UsageError(fmt::format("tuning.lora_rank is {}, but {} has the shape [{}, {}]; expected at most {}",
                                     options.rank, kAdapterTargets[index_of(target)].name, out, in, std::min(out, in)));
      }
      block[index_of(target)] = LowRankFactors{
          .a = uniform(options.rank, in, 1 / std::sqrt(static_cast<double>(in)), random).to(device).requires_grad_(),
          .b = torch::zeros({out, options.rank}, torch::dtype(torch::kFloat32).device(device)).requires_grad_()};
    }
  }
}

const LowRankFactors* LoraAdapters::find(std::size_t layer, AdapterTarget target) const {
  const auto& factors = blocks_[layer][index_of(target)];
  return factors ? &*factors : nullptr;
}

std::vector<std::pair<std::string, Tensor>> LoraAdapters::parameters() const {
  std::vector<std::pair<std::string, Tensor>> all;
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    for (const auto target : targets_) {
      const auto name = fmt::format("blocks.{}.{}", layer, kAdapterTargets[index_of(target)].module);
      all.emplace_back(name + ".lora_A", find(layer, target)->a);
      all.emplace_back(name + ".lora_B", find(layer, target)->b);
    }
  }
  return all;
}

Tensor LoraAdapters::added(const Tensor& product, const Tensor& x, std::size_t layer,
                           std::initializer_list<AdapterTarget> targets,
                           std::optional<std::uint64_t> dropout_seed) const {
  std::vector<Tensor> parts;
  bool any = false;
  for (const auto target : targets) {
    const auto* const factors = find(layer, target);
    if (factors == nullptr) {
      parts.push_back(torch::zeros({x.size(0), target_shape(config_, target).first}, x.options()));
      continue;
    }
    any = true;
    auto input = x;
    if (dropout_seed && options_.dropout > 0) {
      const auto seed = derived_seed(*dropout_seed, "lora.dropout", {static_cast<std::uint64_t>(target)});
      input = add_dropped(Tensor(), x, options_.dropout, seed);
    }
    parts.push_back(torch::linear(torch::linear(input, factors->a), factors->b));
  }
  if (!any) return product;
  return torch::add(product, parts.size() == 1 ? parts.front() : torch::cat(parts, 1), scale_);
}

void LoraAdapters::merge_into(const Transformer& model) const {
  const torch::NoGradGuard no_grad;
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    for (const auto target : targets_) {
      const auto* const factors = find(layer, target);
      auto rows = rows_of(config_, model.blocks()[layer], target);
      rows.add_(torch::mm(factors->b.detach(), factors->a.detach()), scale_);
    }
  }
}

}  // namespace llama4rec::llm
