#include "llm/bench/operations.h"

namespace llama4rec::llm {
namespace {

/// Of attention, per token and visible token: products with keys and with values.
double attention_operations(const ModelConfig& config) {
  return 4.0 * static_cast<double>(config.layers * config.heads * config.head_dimension());
}

/// Of the output matrix, per token that is asked for.
double head_operations(const ModelConfig& config) {
  return 2.0 * static_cast<double>(config.vocabulary) * static_cast<double>(config.hidden);
}

}  // namespace

double block_operations(const ModelConfig& config) {
  return 2.0 * static_cast<double>(parameter_count(config)) - (config.tied ? 1 : 2) * head_operations(config);
}

double prefill_operations(const ModelConfig& config, double sequences, double length) {
  const double attention = attention_operations(config) * length / 2;  // a token sees half of the others, on average
  return sequences * (length * (block_operations(config) + attention) + head_operations(config));
}

double decode_operations(const ModelConfig& config, double length) {
  return block_operations(config) + attention_operations(config) * length + head_operations(config);
}

double training_operations(const ModelConfig& config, double tokens, double length, double learned) {
  return 3 * (tokens * (block_operations(config) + attention_operations(config) * length / 2) +
              learned * head_operations(config));
}

}  // namespace llama4rec::llm
