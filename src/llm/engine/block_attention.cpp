#include "llm/engine/block_attention.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "llm/engine/tile.h"
#include "llm/simd_math.h"

namespace llama4rec::llm {
namespace {

constexpr float kUnseen = -std::numeric_limits<float>::infinity();

/// Sums of probabilities in whole units of 2^-30: their order, and with it the places of the slots that count, does not matter.
class UnitSum {
 public:
  /// 16 values from 0 to 1.
  void add(const float* values) {
    std::int32_t units[16];
#pragma omp simd
    for (int i = 0; i < 16; ++i) units[i] = static_cast<std::int32_t>(values[i] * kUnits + 0.5F);
#pragma omp simd
    for (int i = 0; i < 16; ++i) sums_[i] += units[i];
  }
  [[nodiscard]] float total() const {
    std::int64_t sum = 0;
    for (const auto lane : sums_) sum += lane;
    return static_cast<float>(static_cast<double>(sum) / static_cast<double>(kUnits));
  }

 private:
  static constexpr float kUnits = 1 << 30;
  std::int64_t sums_[16] = {};
};

/// In place: scores of whole blocks become probabilities over what the query in `slot` sees.
void softmax_over_visible(float* scores, std::int64_t width, std::int32_t slot, const BlockView& view) {
  std::fill(scores + slot + 1, scores + width, kUnseen);
  if (!view.ends.empty()) {
    for (std::int64_t j = view.first_tree_slot; j < slot; ++j) {
      if (view.ends[static_cast<std::size_t>(j - view.first_tree_slot)] <= slot) scores[j] = kUnseen;
    }
  }
  const float top = simd::maximum(scores, width);
  UnitSum sum;
  for (std::int64_t j = 0; j < width; j += 16) {
    float* part = scores + j;
#pragma omp simd
    for (int i = 0; i < 16; ++i) part[i] = simd::exponential(part[i] - top);
    sum.add(part);
  }
  simd::scale(scores, 1.0F / sum.total(), width);
}

/// Queries in the element type of the cache, pairs padded with zero.
template <class Element>
void put(Element* to, const float* from, std::int64_t count, float scale);
template <>
void put(float* to, const float* from, std::int64_t count, float scale) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) to[i] = from[i] * scale;
}
template <>
void put(Bfloat16Bits* to, const float* from, std::int64_t count, float scale) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) to[i] = narrow(from[i] * scale);
  if (count % 2 != 0) to[count] = 0;
}

/// Probabilities likewise; of two the later one first, as the cache has the values.
void put_probabilities(float* to, const float* from, std::int64_t count) { std::copy(from, from + count, to); }
void put_probabilities(Bfloat16Bits* to, const float* from, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; i += 2) {
    to[i] = narrow(from[i + 1]);
    to[i + 1] = narrow(from[i]);
  }
}

/// Scratch of a thread.
template <class Element>
struct Scratch {
  std::vector<Element> queries;
  std::vector<float> scores;
  std::vector<Element> probabilities;
};

/// A row of a tile: one query of one head.
struct TileRow {
  const float* query = nullptr;
  float* out = nullptr;
  std::int32_t slot = 0;
};

template <class Element>
class TileAttention {
 public:
  TileAttention(BlockCache& cache, std::int64_t layer, std::int64_t head, const HeadLayout& layout)
      : cache_(cache),
        layer_(layer),
        head_(head),
        dimension_(layout.dimension),
        even_((layout.dimension + 1) / 2 * 2),
        scale_(1.0F / std::sqrt(static_cast<float>(layout.dimension))) {}

  /// Up to kTileRows rows over the blocks that the last of their slots lies in.
  template <int R>
  void attend(const TileRow* rows, const BlockView& view) {
    thread_local Scratch<Element> scratch;
    std::int32_t last = 0;
    for (int r = 0; r < R; ++r) last = std::max(last, rows[r].slot);
    const auto blocks = last / kBlockTokens + 1;
    const auto width = blocks * kBlockTokens;
    scratch.queries.resize(static_cast<std::size_t>(kTileRows * even_));
    scratch.scores.resize(static_cast<std::size_t>(kTileRows * width));
    scratch.probabilities.resize(static_cast<std::size_t>(kTileRows * width));
    for (int r = 0; r < R; ++r) put(scratch.queries.data() + r * even_, rows[r].query, dimension_, scale_);
    std::int64_t block = 0;
    for (; block + kPanelsBeside<R> <= blocks; block += kPanelsBeside<R>) {
      score<R, kPanelsBeside<R>>(scratch, view, block, blocks);
    }
    for (; block < blocks; ++block) score<R, 1>(scratch, view, block, blocks);
    for (int r = 0; r < R; ++r) {
      float* scores = scratch.scores.data() + r * width;
      softmax_over_visible(scores, width, rows[r].slot, view);
      put_probabilities(scratch.probabilities.data() + r * width, scores, width);
    }
    std::int64_t column = 0;
    constexpr int kBeside = kPanelsBeside<R>;
    if constexpr (kBeside > 1) {
      for (; column + kPanel < dimension_; column += 2 * kPanel) mix<R, 2>(scratch, rows, view, column, blocks);
    }
    for (; column < dimension_; column += kPanel) mix<R, 1>(scratch, rows, view, column, blocks);
  }

 private:
  /// The queries' scores of P blocks.
  template <int R, int P>
  void score(Scratch<Element>& scratch, const BlockView& view, std::int64_t first, std::int64_t blocks) {
    TileSums<R> sums[P];
    const Element* panels[P];
    for (int p = 0; p < P; ++p) panels[p] = keys(view, first + p);
    PanelPrefetch<P, Element> ahead;
    for (int p = 0; p < P; ++p) ahead.panels[p] = ahead_of_keys(view, first + p, blocks);
    accumulate<R, P>(sums, scratch.queries.data(), even_, panels, even(), ahead);
    for (int p = 0; p < P; ++p) {
      for (int r = 0; r < R; ++r) {
        float* to = scratch.scores.data() + (r * blocks + first + p) * kBlockTokens;
        store_sixteen(to, sums[p].sum[r][0]);
        store_sixteen(to + 16, sums[p].sum[r][1]);
      }
    }
  }

  /// P panels of the output from `column` on: probabilities by values.
  template <int R, int P>
  void mix(Scratch<Element>& scratch, const TileRow* rows, const BlockView& view, std::int64_t column,
           std::int64_t blocks) {
    TileSums<R> sums[P];
    for (std::int64_t block = 0; block < blocks; ++block) {
      const Element* panels[P];
      for (int p = 0; p < P; ++p) panels[p] = values(view, block, column + p * kPanel);
      PanelPrefetch<P, Element> ahead;
      for (int p = 0; p < P; ++p) {
        ahead.panels[p] = values(view, std::min(block + kAhead, blocks - 1), column + p * kPanel);
      }
      accumulate<R, P>(sums, scratch.probabilities.data() + block * kBlockTokens, blocks * kBlockTokens, panels,
                       kBlockTokens, ahead);
    }
    for (int p = 0; p < P; ++p) {
      const auto from = column + p * kPanel;
      const auto count = std::min(kPanel, dimension_ - from);
      for (int r = 0; r < R; ++r) {
        float both[kPanel];
        store_sixteen(both, sums[p].sum[r][0]);
        store_sixteen(both + 16, sums[p].sum[r][1]);
        std::copy(both, both + count, rows[r].out + from);
      }
    }
  }

  [[nodiscard]] const Element* keys(const BlockView& view, std::int64_t block) {
    return cache_.template keys<Element>(view.blocks[static_cast<std::size_t>(block)], layer_, head_);
  }
  [[nodiscard]] const Element* values(const BlockView& view, std::int64_t block, std::int64_t column) {
    return cache_.template values<Element>(view.blocks[static_cast<std::size_t>(block)], layer_, head_) +
           column * kBlockTokens;
  }

  /// What is read `kAhead` blocks after these keys: blocks lie anywhere in memory, so nothing else foresees it.
  [[nodiscard]] const Element* ahead_of_keys(const BlockView& view, std::int64_t block, std::int64_t blocks) {
    const auto next = block + kAhead;
    return next < blocks ? keys(view, next) : values(view, std::min(next - blocks, blocks - 1), 0);
  }

  /// Blocks between asking for memory and reading it.
  static constexpr std::int64_t kAhead = 4;

  /// Inputs of a product with keys: pairs need an even number.
  [[nodiscard]] std::int64_t even() const { return sizeof(Element) == 2 ? even_ : dimension_; }

  BlockCache& cache_;
  std::int64_t layer_;
  std::int64_t head_;
  std::int64_t dimension_;
  std::int64_t even_;
  float scale_;
};

/// A few queries of a sequence, for one key/value head.
struct Task {
  const BlockQueries* sequence = nullptr;
  std::int64_t head = 0;
  std::int64_t first = 0;  // query
  std::int64_t count = 0;
};

template <class Element>
void attend(const Task& task, const float* queries, float* out, BlockCache& cache, std::int64_t layer,
            const HeadLayout& layout) {
  TileAttention<Element> attention(cache, layer, task.head, layout);
  TileRow rows[kTileRows];
  std::int64_t filled = 0;
  const auto flush = [&] {
    with_tile_rows(filled, [&]<int R>() { attention.template attend<R>(rows, task.sequence->view); });
    filled = 0;
  };
  for (std::int64_t query = task.first; query < task.first + task.count; ++query) {
    for (std::int64_t g = 0; g < layout.group(); ++g) {
      const auto place = (task.sequence->first_row + query) * layout.query_size() +
                         (task.head * layout.group() + g) * layout.dimension;
      rows[filled++] = {
          .query = queries + place, .out = out + place, .slot = task.sequence->slots[static_cast<std::size_t>(query)]};
      if (filled == kTileRows) flush();
    }
  }
  if (filled > 0) flush();
}

}  // namespace

void block_attention(std::span<const BlockQueries> sequences, const float* queries, float* out, BlockCache& cache,
                     std::int64_t layer, const HeadLayout& layout) {
  // Tasks of at most this many queries share the threads evenly enough.
  constexpr std::int64_t kTaskQueries = 64;
  std::vector<Task> tasks;
  for (const auto& sequence : sequences) {
    const auto count = static_cast<std::int64_t>(sequence.slots.size());
    for (std::int64_t head = 0; head < layout.key_value_heads; ++head) {
      for (std::int64_t first = 0; first < count; first += kTaskQueries) {
        tasks.push_back(
            {.sequence = &sequence, .head = head, .first = first, .count = std::min(kTaskQueries, count - first)});
      }
    }
  }
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) {
      const auto& task = tasks[static_cast<std::size_t>(i)];
      if (cache.precision() == Precision::kFloat32) {
        attend<float>(task, queries, out, cache, layer, layout);
      } else {
        attend<Bfloat16Bits>(task, queries, out, cache, layer, layout);
      }
    }
  };
  if (at::in_parallel_region()) {
    run(0, static_cast<std::int64_t>(tasks.size()));
  } else {
    at::parallel_for(0, static_cast<std::int64_t>(tasks.size()), 1, run);
  }
}

}  // namespace llama4rec::llm
