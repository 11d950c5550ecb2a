#include "llm/bench/memory_need.h"

#include <algorithm>

namespace llama4rec::llm {
namespace {

constexpr double kFloat = 4;  // bytes

double bytes_per_weight(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return kFloat;
    case Precision::kBfloat16:
      return 2;
    case Precision::kInt8:
      return 1;
  }
  return kFloat;
}

/// What autograd keeps of one token in one block: inputs of norms and products, queries, keys and values, gate and up, attention's weights.
double activations(const ModelConfig& config, std::int64_t length) {
  const auto query = static_cast<double>(config.heads * config.head_dimension());
  const double values = 6 * static_cast<double>(config.hidden) +
                        4 * (query + 2 * static_cast<double>(config.key_value_size())) +
                        5 * static_cast<double>(config.intermediate) + static_cast<double>(config.heads * length);
  return kFloat * values;
}

}  // namespace

double MemoryNeed::most() const { return weights + std::max(engine + cache, training); }

MemoryNeed memory_need(const ModelConfig& config, Precision precision, std::int64_t cached_tokens,
                       std::int64_t training_tokens, std::int64_t length) {
  const auto parameters = static_cast<double>(parameter_count(config));
  MemoryNeed need;
  need.weights = kFloat * parameters;
  need.engine = bytes_per_weight(precision) * parameters;
  need.cache = static_cast<double>(cached_tokens) * 2 * static_cast<double>(config.layers) *
               static_cast<double>(config.key_value_size()) *
               (cache_precision(precision) == Precision::kBfloat16 ? 2 : kFloat);
  if (training_tokens > 0) {
    // Gradients, two moments, and two copies of the matrices in bfloat16.
    need.training = (3 * kFloat + 2 * 2) * parameters + static_cast<double>(training_tokens) *
                                                            static_cast<double>(config.layers) *
                                                            activations(config, length);
  }
  return need;
}

}  // namespace llama4rec::llm
