#include "llm/engine/packed_model.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "llm/simd_math.h"

namespace llama4rec::llm {
namespace {

/// Rows that a thread takes through a layer at a time: their intermediate values stay in its cache.
constexpr std::int64_t kRowBlock = 64;

void normalise(const float* x, const float* weight, float* out, std::int64_t rows, std::int64_t width, double epsilon) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* a = x + row * width;
    float* b = out + row * width;
    const float s = static_cast<float>(
        1.0 / std::sqrt(static_cast<double>(simd::dot(a, a, width)) / static_cast<double>(width) + epsilon));
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) b[i] = a[i] * s * weight[i];
  }
}

/// silu(gate) * up, over the gate.
void gate(float* gate_up, std::int64_t rows, std::int64_t width) {
  for (std::int64_t row = 0; row < rows; ++row) {
    float* g = gate_up + row * 2 * width;
    const float* up = g + width;
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) g[i] = g[i] * simd::sigmoid(g[i]) * up[i];
  }
}

void add_bias(float* x, std::int64_t stride, const float* bias, std::int64_t rows, std::int64_t width) {
  if (bias == nullptr) return;
  for (std::int64_t row = 0; row < rows; ++row) {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) x[row * stride + i] += bias[i];
  }
}

/// Memory that holds anything.
std::unique_ptr<float[]> unset(std::int64_t count) {
  return std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(count));
}

/// Memory of a thread that keeps its size from call to call.
float* scratch(std::vector<float>& memory, std::int64_t count) {
  if (static_cast<std::int64_t>(memory.size()) < count) memory.resize(static_cast<std::size_t>(count));
  return memory.data();
}

}  // namespace

PackedModel::PackedModel(const Transformer& transformer, Precision precision)
    : transformer_(transformer),
      precision_(precision),
      layout_{.heads = transformer.config().heads,
              .key_value_heads = transformer.config().key_value_heads,
              .dimension = transformer.config().head_dimension()} {
  if (!transformer.device().is_cpu()) throw InternalError("the engine's own kernels need a model on the CPU");
  const torch::NoGradGuard no_grad;
  for (const auto& [name, parameter] : transformer.parameters()) {
    // Unseen values are multiplied by zero: they must be numbers.
    if (!std::isfinite(parameter.sum().item<double>())) {
      throw DataError(fmt::format("the model's weight {} holds numbers that are not finite", name));
    }
  }
  for (const auto& block : transformer.blocks()) {
    const auto joint = block.query_key_value.detach();
    layers_.push_back(
        {.attention_norm = block.attention_norm.data_ptr<float>(),
         .feed_forward_norm = block.feed_forward_norm.data_ptr<float>(),
         .bias = block.query_key_value_bias.defined() ? block.query_key_value_bias.data_ptr<float>() : nullptr,
         .query = PackedMatrix(joint.narrow(0, 0, layout_.query_size()), precision),
         .key_value = PackedMatrix(joint.narrow(0, layout_.query_size(), 2 * layout_.key_value_size()), precision),
         .attention_output = PackedMatrix(block.attention_output, precision),
         .gate_up = PackedMatrix(block.gate_up, precision),
         .down = PackedMatrix(block.down, precision)});
  }
  head_ = PackedMatrix(transformer.head(), precision);
}

std::int64_t PackedModel::bytes() const {
  std::int64_t sum = head_.bytes();
  for (const auto& layer : layers_) {
    for (const auto* matrix : {&layer.query, &layer.key_value, &layer.attention_output, &layer.gate_up, &layer.down}) {
      sum += matrix->bytes();
    }
  }
  return sum;
}

/// One reading of packed tokens.
class PackedModel::Step {
 public:
  Step(const PackedModel& model, std::span<const PackedTokens> sequences, BlockCache& cache)
      : model_(model),
        config_(model.config()),
        layout_(model.layout_),
        cache_(cache),
        rotary_(model.transformer_.rotary()),
        query_size_(layout_.query_size()) {
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      const auto& sequence = sequences[s];
      const auto first = static_cast<std::int64_t>(places_.size());
      for (std::size_t i = 0; i < sequence.tokens.size(); ++i) {
        const auto slot = sequence.first_slot + static_cast<std::int32_t>(i);
        tokens_.push_back(sequence.tokens[i]);
        places_.push_back({.position = sequence.positions[i],
                           .block = sequence.blocks[static_cast<std::size_t>(slot / kBlockTokens)],
                           .slot = static_cast<std::int32_t>(slot % kBlockTokens)});
        slots_.push_back(slot);
      }
      for (const auto token : sequence.asked) {
        asked_.push_back(first + token);
        asked_slots_.push_back(sequence.first_slot + token);
        asked_places_.push_back(places_[static_cast<std::size_t>(first + token)]);
      }
    }
    std::int64_t row = 0;
    std::int64_t asked_row = 0;
    for (const auto& sequence : sequences) {
      const BlockView view{.blocks = sequence.blocks, .first_tree_slot = sequence.first_slot, .ends = sequence.ends};
      const auto count = static_cast<std::int64_t>(sequence.tokens.size());
      const auto asked = static_cast<std::int64_t>(sequence.asked.size());
      all_.push_back({.view = view, .slots = part(slots_, row, count), .first_row = row});
      if (asked > 0) {
        wanted_.push_back({.view = view, .slots = part(asked_slots_, asked_row, asked), .first_row = asked_row});
      }
      row += count;
      asked_row += asked;
    }
  }

  PackedStates run() {
    const auto rows = static_cast<std::int64_t>(tokens_.size());
    x_ = unset(rows * config_.hidden);
    queries_ = unset(rows * query_size_);
    attended_ = unset(rows * query_size_);
    embed();
    const auto layers = config_.layers;
    for (std::int64_t layer = 0; layer + 1 < layers; ++layer) {
      const auto& weights = model_.layers_[static_cast<std::size_t>(layer)];
      by_rows(rows, [&](std::int64_t begin, std::int64_t count) {
        // The layer before ends and this one begins on the same rows, without waiting for the others.
        if (layer > 0) finish_layer(model_.layers_[static_cast<std::size_t>(layer - 1)], x_.get(), begin, count);
        begin_layer(weights, layer, begin, count, /*with_queries=*/true);
      });
      block_attention(all_, queries_.get(), attended_.get(), cache_, layer, layout_);
    }
    return last_layer(rows);
  }

 private:
  struct Place {
    std::int32_t position = 0;
    BlockId block = 0;
    std::int32_t slot = 0;
  };

  static std::span<const std::int32_t> part(const std::vector<std::int32_t>& all, std::int64_t first,
                                            std::int64_t count) {
    return std::span(all).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  }

  /// Calls f(first row, rows): for many rows in parallel by blocks, for few as one, where the products share the threads.
  template <class F>
  void by_rows(std::int64_t rows, const F& f) const {
    if (rows < kRowBlock * at::get_num_threads() && !at::in_parallel_region()) {
      f(0, rows);
      return;
    }
    const auto blocks = (rows + kRowBlock - 1) / kRowBlock;
    const auto run = [&](std::int64_t begin, std::int64_t end) {
      for (auto block = begin; block < end; ++block) {
        const auto first = block * kRowBlock;
        f(first, std::min(kRowBlock, rows - first));
      }
    };
    if (at::in_parallel_region()) {
      run(0, blocks);
    } else {
      at::parallel_for(0, blocks, 1, run);
    }
  }

  void embed() {
    const float* table = model_.transformer_.embedding().data_ptr<float>();
    for (std::size_t row = 0; row < tokens_.size(); ++row) {
      const float* from = table + static_cast<std::int64_t>(tokens_[row]) * config_.hidden;
      std::copy(from, from + config_.hidden, x_.get() + static_cast<std::int64_t>(row) * config_.hidden);
    }
  }

  /// Keys and values of the rows into the cache, their queries into `queries_`.
  void begin_layer(const Layer& layer, std::int64_t index, std::int64_t begin, std::int64_t count, bool with_queries) {
    thread_local std::vector<float> normal_memory;
    thread_local std::vector<float> key_value_memory;
    float* normal = scratch(normal_memory, count * config_.hidden);
    const auto width = layout_.key_value_size();
    float* key_value = scratch(key_value_memory, count * 2 * width);
    normalise(x_.get() + begin * config_.hidden, layer.attention_norm, normal, count, config_.hidden,
              config_.norm_epsilon);
    layer.key_value.multiply(normal, config_.hidden, count, key_value, 2 * width, Into::kStore);
    if (layer.bias != nullptr) add_bias(key_value, 2 * width, layer.bias + query_size_, count, 2 * width);
    for (std::int64_t row = 0; row < count; ++row) {
      const auto& place = places_[static_cast<std::size_t>(begin + row)];
      float* key = key_value + row * 2 * width;
      rotary_.rotate_row(key, place.position, layout_.key_value_heads);
      for (std::int64_t head = 0; head < layout_.key_value_heads; ++head) {
        cache_.write(place.block, index, head, place.slot, key + head * layout_.dimension,
                     key + width + head * layout_.dimension);
      }
    }
    if (!with_queries) return;
    make_queries(layer, normal, count, queries_.get() + begin * query_size_,
                 std::span<const Place>(places_).subspan(static_cast<std::size_t>(begin)));
  }

  void make_queries(const Layer& layer, const float* normal, std::int64_t count, float* queries,
                    std::span<const Place> places) const {
    layer.query.multiply(normal, config_.hidden, count, queries, query_size_, Into::kStore);
    add_bias(queries, query_size_, layer.bias, count, query_size_);
    for (std::int64_t row = 0; row < count; ++row) {
      rotary_.rotate_row(queries + row * query_size_, places[static_cast<std::size_t>(row)].position, layout_.heads);
    }
  }

  /// What follows the attention, on rows of x.
  void finish_layer(const Layer& layer, float* x, std::int64_t begin, std::int64_t count) const {
    thread_local std::vector<float> normal_memory;
    thread_local std::vector<float> gate_up_memory;
    float* rows = x + begin * config_.hidden;
    layer.attention_output.multiply(attended_.get() + begin * query_size_, query_size_, count, rows, config_.hidden,
                                    Into::kAdd);
    float* normal = scratch(normal_memory, count * config_.hidden);
    float* gate_up = scratch(gate_up_memory, count * 2 * config_.intermediate);
    normalise(rows, layer.feed_forward_norm, normal, count, config_.hidden, config_.norm_epsilon);
    layer.gate_up.multiply(normal, config_.hidden, count, gate_up, 2 * config_.intermediate, Into::kStore);
    gate(gate_up, count, config_.intermediate);
    layer.down.multiply(gate_up, 2 * config_.intermediate, count, rows, config_.hidden, Into::kAdd);
  }

  /// Keys and values of all rows, the rest only of the asked ones.
  PackedStates last_layer(std::int64_t rows) {
    const auto index = config_.layers - 1;
    const auto& layer = model_.layers_.back();
    by_rows(rows, [&](std::int64_t begin, std::int64_t count) {
      if (index > 0) finish_layer(model_.layers_[static_cast<std::size_t>(index - 1)], x_.get(), begin, count);
      begin_layer(layer, index, begin, count, /*with_queries=*/false);
    });
    const auto hidden = config_.hidden;
    PackedStates states{.values = {}, .count = static_cast<std::int64_t>(asked_.size())};
    std::vector<float> x(static_cast<std::size_t>(states.count * hidden));
    for (std::int64_t i = 0; i < states.count; ++i) {
      const float* from = x_.get() + asked_[static_cast<std::size_t>(i)] * hidden;
      std::copy(from, from + hidden, x.data() + i * hidden);
    }
    states.values.resize(x.size());
    by_rows(states.count, [&](std::int64_t begin, std::int64_t count) {
      normalise(x.data() + begin * hidden, layer.attention_norm, states.values.data() + begin * hidden, count, hidden,
                config_.norm_epsilon);
      make_queries(layer, states.values.data() + begin * hidden, count, queries_.get() + begin * query_size_,
                   std::span<const Place>(asked_places_).subspan(static_cast<std::size_t>(begin)));
    });
    block_attention(wanted_, queries_.get(), attended_.get(), cache_, index, layout_);
    by_rows(states.count, [&](std::int64_t begin, std::int64_t count) {
      finish_layer(layer, x.data(), begin, count);
      normalise(x.data() + begin * hidden, model_.transformer_.last_norm().data_ptr<float>(),
                states.values.data() + begin * hidden, count, hidden, config_.norm_epsilon);
    });
    return states;
  }

  const PackedModel& model_;
  const ModelConfig& config_;
  const HeadLayout& layout_;
  BlockCache& cache_;
  const RotaryTable& rotary_;
  std::int64_t query_size_;
  std::vector<Token> tokens_;
  std::vector<Place> places_;
  std::vector<std::int32_t> slots_;
  std::vector<std::int64_t> asked_;  // rows
  std::vector<std::int32_t> asked_slots_;
  std::vector<Place> asked_places_;
  std::vector<BlockQueries> all_;
  std::vector<BlockQueries> wanted_;
  std::unique_ptr<float[]> x_;         // residual stream [rows, hidden]
  std::unique_ptr<float[]> queries_;   // [rows, query size]
  std::unique_ptr<float[]> attended_;  // [rows, query size]
};

PackedStates PackedModel::read(std::span<const PackedTokens> sequences, BlockCache& cache) const {
  return Step(*this, sequences, cache).run();
}

void PackedModel::logits(const float* states, std::int64_t rows, float* out) const {
  head_.multiply(states, config().hidden, rows, out, head_.out(), Into::kStore);
}

float PackedModel::logit(const float* state, Token token) const {
  const float* row = transformer_.head().data_ptr<float>() + static_cast<std::int64_t>(token) * config().hidden;
  return simd::dot(state, row, config().hidden);
}

}  // namespace llama4rec::llm
