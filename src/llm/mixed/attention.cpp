#include "llm/mixed/attention.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "llm/mixed/panels.h"
#include "llm/simd_math.h"

namespace llama4rec::llm::mixed {
namespace {

/// The memory of a thread.
struct Memory {
  std::vector<Bfloat16Bits> key_rows, key_pairs, value_rows, value_pairs, query_pairs, gradient_pairs;
  std::vector<Bfloat16Bits> probabilities, score_gradients, pairs;
  std::vector<float> scores, probability_gradients, out, query_gradient, key_gradient, value_gradient;
};

/// One key/value head of one sequence.
class Head {
 public:
  Head(const AttentionShape& shape, std::int64_t task)
      : shape_(shape),
        batch_(task / shape.layout.key_value_heads),
        key_value_(task % shape.layout.key_value_heads),
        length_(shape.length),
        d_(shape.layout.dimension),
        joint_(shape.layout.joint_size()),
        columns_(whole(d_, kPanel)),
        panel_(whole(length_, kPanel) * kPanel),
        scale_(1.0F / std::sqrt(static_cast<float>(d_))) {}

  void forward(const Bfloat16Bits* joint, Bfloat16Bits* attended, float* log_sums) const;
  void backward(const Bfloat16Bits* joint, const Bfloat16Bits* gradient, const float* inner, const float* log_sums,
                const RotaryTable& rotary, Bfloat16Bits* joint_gradient) const;

 private:
  static Memory& memory() {
    thread_local Memory own;
    return own;
  }
  [[nodiscard]] std::int64_t first_row() const { return batch_ * length_; }
  [[nodiscard]] std::int64_t key_column() const { return shape_.layout.query_size() + key_value_ * d_; }
  [[nodiscard]] std::int64_t value_column() const { return key_column() + shape_.layout.key_value_size(); }
  [[nodiscard]] std::int64_t key_blocks() const { return whole(length_, kPanel) / kPanel; }

  /// Panels of 32 rows each, and of pairs of rows, of `d` columns.
  const Bfloat16Bits* rows_of(const Bfloat16Bits* from, std::vector<Bfloat16Bits>& to) const {
    Bfloat16Bits* panels = scratch(to, key_blocks() * d_ * kPanel);
    for (std::int64_t block = 0; block < key_blocks(); ++block) {
      const auto first = block * kPanel;
      pack_rows(from + first * joint_, joint_, std::min(kPanel, length_ - first), d_, panels + block * d_ * kPanel);
    }
    return panels;
  }
  const Bfloat16Bits* pairs_of(const Bfloat16Bits* from, std::int64_t stride, std::vector<Bfloat16Bits>& to) const {
    Bfloat16Bits* panels = scratch(to, columns_ / kPanel * panel_);
    pack_pairs(from, stride, length_, d_, panels, panel_);
    return panels;
  }

  /// Probabilities (bfloat16) and gradients of the scores for the keys of one block, by all rows from the block on.
  void probabilities_of_block(std::int64_t rows, const float* log_sums, const float* inner, Memory& m) const;
  /// Rotates rows back (`rotary` not null), and writes them as columns of the joint gradient.
  void write(float* rows, const RotaryTable* rotary, Bfloat16Bits* to) const;

  const AttentionShape& shape_;
  std::int64_t batch_;
  std::int64_t key_value_;
  std::int64_t length_;
  std::int64_t d_;
  std::int64_t joint_;
  std::int64_t columns_;  // d in whole panels
  std::int64_t panel_;    // values of a panel of pairs
  float scale_;
};

void Head::forward(const Bfloat16Bits* joint, Bfloat16Bits* attended, float* log_sums) const {
  auto& m = memory();
  const Bfloat16Bits* base = joint + first_row() * joint_;
  const auto* keys = rows_of(base + key_column(), m.key_rows);
  const auto* values = pairs_of(base + value_column(), joint_, m.value_pairs);
  const auto width = key_blocks() * kPanel;
  float* scores = scratch(m.scores, kPanel * width);
  Bfloat16Bits* probabilities = scratch(m.probabilities, kPanel * width);
  float* out = scratch(m.out, kPanel * columns_);
  const auto query_size = shape_.layout.query_size();
  for (auto h = key_value_ * shape_.layout.group(); h < (key_value_ + 1) * shape_.layout.group(); ++h) {
    for (std::int64_t first = 0; first < length_; first += kPanel) {
      const auto rows = std::min(kPanel, length_ - first);
      const auto even = whole(first + rows, 2);
      multiply_panels(base + first * joint_ + h * d_, joint_, rows, keys, d_ * kPanel, first / kPanel + 1, d_, scores,
                      width, Into::kStore);
      float factors[kPanel];
      for (std::int64_t row = 0; row < rows; ++row) {
        float* s = scores + row * width;
        Bfloat16Bits* p = probabilities + row * width;
        const auto seen = first + row + 1;
        simd::scale(s, scale_, seen);
        const float top = simd::maximum(s, seen);
        const float sum = simd::exponentiate(s, top, seen);
        narrow_row(s, seen, p);
        std::fill(p + seen, p + even, Bfloat16Bits{0});
        factors[row] = 1.0F / sum;
        log_sums[(batch_ * shape_.layout.heads + h) * length_ + first + row] = top + std::log(sum);
      }
      multiply_panels(probabilities, width, rows, values, panel_, columns_ / kPanel, even, out, columns_, Into::kStore);
      for (std::int64_t row = 0; row < rows; ++row) {
        float* o = out + row * columns_;
        simd::scale(o, factors[row], d_);
        narrow_row(o, d_, attended + (first_row() + first + row) * query_size + h * d_);
      }
    }
  }
}

void Head::probabilities_of_block(std::int64_t rows, const float* log_sums, const float* inner, Memory& m) const {
  Bfloat16Bits* probabilities = scratch(m.probabilities, rows * kPanel);
  Bfloat16Bits* gradients = scratch(m.score_gradients, rows * kPanel);
  for (std::int64_t row = 0; row < rows; ++row) {
    float* s = m.scores.data() + row * kPanel;
    float* g = m.probability_gradients.data() + row * kPanel;
    const float shift = log_sums[row];
    const float mean = inner[row];
#pragma omp simd
    for (std::int64_t j = 0; j < kPanel; ++j) {
      s[j] = simd::exponential(s[j] * scale_ - shift);
      g[j] = s[j] * (g[j] - mean) * scale_;
    }
    for (auto j = row + 1; j < kPanel; ++j) s[j] = g[j] = 0;  // keys behind the query
    narrow_row(s, kPanel, probabilities + row * kPanel);
    narrow_row(g, kPanel, gradients + row * kPanel);
  }
}

void Head::write(float* rows, const RotaryTable* rotary, Bfloat16Bits* to) const {
  for (std::int64_t row = 0; row < length_; ++row) {
    float* from = rows + row * columns_;
    if (rotary != nullptr) rotary->rotate_row(from, row, 1, -1);
    narrow_row(from, d_, to + row * joint_);
  }
}

void Head::backward(const Bfloat16Bits* joint, const Bfloat16Bits* gradient, const float* inner, const float* log_sums,
                    const RotaryTable& rotary, Bfloat16Bits* joint_gradient) const {
  auto& m = memory();
  const auto query_size = shape_.layout.query_size();
  const Bfloat16Bits* base = joint + first_row() * joint_;
  Bfloat16Bits* joint_to = joint_gradient + first_row() * joint_;
  const auto* key_rows = rows_of(base + key_column(), m.key_rows);
  const auto* key_pairs = pairs_of(base + key_column(), joint_, m.key_pairs);
  const auto* value_rows = rows_of(base + value_column(), m.value_rows);
  float* dk = scratch(m.key_gradient, length_ * columns_);
  float* dv = scratch(m.value_gradient, length_ * columns_);
  float* dq = scratch(m.query_gradient, length_ * columns_);
  float* scores = scratch(m.scores, length_ * kPanel);
  float* probability_gradients = scratch(m.probability_gradients, length_ * kPanel);
  Bfloat16Bits* pairs = scratch(m.pairs, whole(length_, 2) * kPanel);
  const auto first_head = key_value_ * shape_.layout.group();
  for (auto h = first_head; h < first_head + shape_.layout.group(); ++h) {
    const Bfloat16Bits* queries = base + h * d_;
    const Bfloat16Bits* out_gradient = gradient + first_row() * query_size + h * d_;
    const auto* query_pairs = pairs_of(queries, joint_, m.query_pairs);
    const auto* gradient_pairs = pairs_of(out_gradient, query_size, m.gradient_pairs);
    const auto by_row = (batch_ * shape_.layout.heads + h) * length_;
    const auto over_heads = h == first_head ? Into::kStore : Into::kAdd;
    for (std::int64_t first = 0; first < length_; first += kPanel) {
      const auto rows = length_ - first;  // that see a key of the block
      const auto keys = std::min(kPanel, rows);
      multiply_panels(queries + first * joint_, joint_, rows, key_rows + first * d_, 0, 1, d_, scores, kPanel,
                      Into::kStore);
      multiply_panels(out_gradient + first * query_size, query_size, rows, value_rows + first * d_, 0, 1, d_,
                      probability_gradients, kPanel, Into::kStore);
      probabilities_of_block(rows, log_sums + by_row + first, inner + by_row + first, m);
      const auto add_by_pairs = [&](const Bfloat16Bits* factors, const Bfloat16Bits* of, float* to) {
        pack_pairs(factors, kPanel, rows, kPanel, pairs, 0);
        multiply_pairs(pairs, keys, of + first * kPanel, panel_, columns_, (rows + 1) / 2, to + first * columns_,
                       columns_, over_heads);
      };
      add_by_pairs(m.probabilities.data(), gradient_pairs, dv);
      add_by_pairs(m.score_gradients.data(), query_pairs, dk);
      multiply_panels(m.score_gradients.data(), kPanel, rows, key_pairs + first * kPanel, panel_, columns_ / kPanel,
                      whole(keys, 2), dq + first * columns_, columns_, first == 0 ? Into::kStore : Into::kAdd);
    }
    write(dq, &rotary, joint_to + h * d_);
  }
  write(dk, &rotary, joint_to + key_column());
  write(dv, nullptr, joint_to + value_column());
}

template <class F>
void for_heads(const AttentionShape& shape, const F& f) {
  at::parallel_for(0, shape.batch * shape.layout.key_value_heads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto task = begin; task < end; ++task) f(Head(shape, task));
  });
}

}  // namespace

void attend(const Bfloat16Bits* joint, const AttentionShape& shape, Bfloat16Bits* attended, float* log_sums) {
  for_heads(shape, [&](const Head& head) { head.forward(joint, attended, log_sums); });
}

void attend_backward(const Bfloat16Bits* joint, const Bfloat16Bits* gradient, const float* inner, const float* log_sums,
                     const AttentionShape& shape, const RotaryTable& rotary, Bfloat16Bits* joint_gradient) {
  for_heads(shape, [&](const Head& head) { head.backward(joint, gradient, inner, log_sums, rotary, joint_gradient); });
}

}  // namespace llama4rec::llm::mixed
