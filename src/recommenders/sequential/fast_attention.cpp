#include "recommenders/sequential/fast_attention.h"

#include <algorithm>
#include <cmath>

#include "recommenders/sequential/row_kernels.h"
#include "recommenders/sequential/sized_buffer.h"

namespace llama4rec::recommenders {

/// A head of one sequence.
struct FastAttention::Head {
  PackedSequence sequence;
  std::int64_t number = 0;
  std::int64_t queries = 0;
  std::int64_t first_query = 0;
  std::int64_t dimension = 0;  ///< of the head
  std::int64_t joint_stride = 0;
  const float* query = nullptr;  ///< of the pack's first token
  const float* key = nullptr;    ///< of the sequence's first token
  const float* value = nullptr;

  static Head of(const AttentionInput& input, const PackedSequence& sequence, std::int64_t number) {
    const std::int64_t size = input.dimension / input.heads;
    const std::int64_t stride = 3 * input.dimension;
    const float* first = input.joint + number * size;
    return {.sequence = sequence,
            .number = number,
            .queries = input.queries.count(sequence),
            .first_query = input.queries.first(sequence),
            .dimension = size,
            .joint_stride = stride,
            .query = first,
            .key = first + sequence.first * stride + input.dimension,
            .value = first + sequence.first * stride + 2 * input.dimension};
  }
  [[nodiscard]] std::int64_t scores() const { return queries * sequence.length; }
};

namespace {

/// Shares of all heads of a pack.
std::int64_t share_count(const AttentionInput& input) {
  std::int64_t total = 0;
  for (const auto& sequence : input.pack.sequences) total += input.queries.count(sequence) * sequence.length;
  return total * input.heads;
}

}  // namespace

const float* FastAttention::gather_queries(const AttentionInput& input, const Head& head) {
  float* const to = sized(queries_, head.queries * head.dimension);
  for (std::int64_t n = 0; n < head.queries; ++n) {
    const auto token = input.queries.tokens[static_cast<std::size_t>(head.first_query + n)];
    std::copy_n(head.query + token * head.joint_stride, head.dimension, to + n * head.dimension);
  }
  return to;
}

/// shares * factors of dropout; the factors stay in `factors_`.
const float* FastAttention::dropped(const AttentionInput& input, const Head& head, const float* shares) {
  if (input.dropout == nullptr) return shares;
  const std::int64_t length = head.sequence.length;
  const std::int64_t width = input.pack.width;
  float* const factors = sized(factors_, head.scores());
  float* const to = sized(dropped_, head.scores());
  for (std::int64_t n = 0; n < head.queries; ++n) {
    const auto token = static_cast<std::size_t>(input.queries.tokens[static_cast<std::size_t>(head.first_query + n)]);
    const std::int64_t line = (head.sequence.row * input.heads + head.number) * width + input.pack.columns[token];
    input.dropout->factors(factors + n * length, static_cast<std::uint32_t>(line * width + width - length),
                           static_cast<std::uint32_t>(length));
  }
#pragma omp simd
  for (std::int64_t n = 0; n < head.scores(); ++n) to[n] = shares[n] * factors[n];
  return to;
}

void FastAttention::forward(const AttentionInput& input, std::vector<float>& shares, float* to) {
  float* line = sized(shares, share_count(input));
  for (const auto& sequence : input.pack.sequences) {
    for (std::int64_t number = 0; number < input.heads; ++number) {
      const Head head = Head::of(input, sequence, number);
      const std::int64_t length = sequence.length;
      const float* queries = gather_queries(input, head);
      panels_.pack(head.key, head.dimension, length, 1, head.joint_stride);
      float* const scores = line;
      panel_product({.values = queries, .rows = head.queries, .row_stride = head.dimension}, panels_, scores, length,
                    Accumulate::kNo);
      const float scale = 1.0F / std::sqrt(static_cast<float>(head.dimension));
      for (std::int64_t n = 0; n < head.queries; ++n, line += length) {
        const auto token = input.queries.tokens[static_cast<std::size_t>(head.first_query + n)];
        const std::int64_t seen = input.pack.sight == Sight::kPast ? token - sequence.first + 1 : length;
        const float inverse = 1.0F / exponentials(line, seen, scale, scale * maximum(line, seen));
        for (std::int64_t key = 0; key < seen; ++key) line[key] *= inverse;
        std::fill(line + seen, line + length, 0.0F);
      }
      panels_.pack(head.value, length, head.dimension, head.joint_stride);
      panel_product({.values = dropped(input, head, scores), .rows = head.queries, .row_stride = length}, panels_,
                    to + head.first_query * input.dimension + number * head.dimension, input.dimension,
                    Accumulate::kNo);
    }
  }
}

void FastAttention::backward(const AttentionInput& input, const std::vector<float>& shares, const float* slopes,
                             float* joint_slopes) {
  const float* line = shares.data();
  for (const auto& sequence : input.pack.sequences) {
    for (std::int64_t number = 0; number < input.heads; ++number) {
      const Head head = Head::of(input, sequence, number);
      const std::int64_t length = sequence.length;
      const float* share = line;
      line += head.scores();
      const float* used = dropped(input, head, share);
      const float* out = slopes + head.first_query * input.dimension + number * head.dimension;
      float* const query_to = joint_slopes + number * head.dimension;
      float* const key_to = query_to + sequence.first * head.joint_stride + input.dimension;
      float* const value_to = key_to + input.dimension;

      panels_.pack(out, head.queries, head.dimension, input.dimension);
      panel_product({.values = used, .rows = length, .row_stride = 1, .column_stride = length}, panels_, value_to,
                    head.joint_stride, Accumulate::kNo);
      float* const score = sized(slopes_, head.scores());
      panels_.pack(head.value, head.dimension, length, 1, head.joint_stride);
      panel_product({.values = out, .rows = head.queries, .row_stride = input.dimension}, panels_, score, length,
                    Accumulate::kNo);
      const float scale = 1.0F / std::sqrt(static_cast<float>(head.dimension));
      for (std::int64_t n = 0; n < head.queries; ++n) {
        float* const slope = score + n * length;
        const float* const of = share + n * length;
        if (input.dropout != nullptr) {
          const float* const factor = factors_.data() + n * length;
#pragma omp simd
          for (std::int64_t key = 0; key < length; ++key) slope[key] *= factor[key];
        }
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t key = 0; key < length; ++key) sum += slope[key] * of[key];
#pragma omp simd
        for (std::int64_t key = 0; key < length; ++key) slope[key] = scale * of[key] * (slope[key] - sum);
      }

      panels_.pack(gather_queries(input, head), head.queries, head.dimension, head.dimension);
      panel_product({.values = score, .rows = length, .row_stride = 1, .column_stride = length}, panels_, key_to,
                    head.joint_stride, Accumulate::kNo);
      for (std::int64_t n = 0; n < length; ++n) {
        std::fill_n(query_to + (sequence.first + n) * head.joint_stride, head.dimension, 0.0F);
      }
      float* const query_slopes = sized(query_slopes_, head.queries * head.dimension);
      panels_.pack(head.key, length, head.dimension, head.joint_stride);
      panel_product({.values = score, .rows = head.queries, .row_stride = length}, panels_, query_slopes,
                    head.dimension, Accumulate::kNo);
      for (std::int64_t n = 0; n < head.queries; ++n) {
        const auto token = input.queries.tokens[static_cast<std::size_t>(head.first_query + n)];
        std::copy_n(query_slopes + n * head.dimension, head.dimension, query_to + token * head.joint_stride);
      }
    }
  }
}

}  // namespace llama4rec::recommenders
