#include "recommenders/sequential/item_loss.h"

#include <algorithm>
#include <cmath>

#include "recommenders/sequential/row_kernels.h"

namespace llama4rec::recommenders {
namespace {

/// Logits that stay in the second-level cache.
constexpr std::int64_t kLogitsAtOnce = 160 * 1024;

double softplus(double x) { return std::log1p(std::exp(-std::abs(x))) + std::max(0.0, x); }

float product(const float* a, const float* b, std::int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t n = 0; n < count; ++n) sum += a[n] * b[n];
  return sum;
}

}  // namespace

void ItemTable::prepare(const float* table, std::int64_t count, std::int64_t columns, bool products) {
  values = table;
  items = count;
  dimension = columns;
  if (!products) return;
  forward.pack(table, columns, count, 1, columns);
  backward.pack(table, count, columns, columns);
}

double ItemLoss::softmax(const ItemTable& table, const float* states, std::span<const SequenceTarget> targets,
                         float weight, float* slopes, float* item_slopes) {
  const auto d = table.dimension;
  const auto items = table.items;
  const auto count = static_cast<std::int64_t>(targets.size());
  const auto at_once = std::clamp<std::int64_t>(kLogitsAtOnce / items, 12, 192);
  logits_.resize(static_cast<std::size_t>(at_once * items));
  double loss = 0;
  for (std::int64_t first = 0; first < count; first += at_once) {
    const auto rows = std::min(at_once, count - first);
    const float* of = states + first * d;
    panel_product({.values = of, .rows = rows, .row_stride = d}, table.forward, logits_.data(), items, Accumulate::kNo);
    for (std::int64_t row = 0; row < rows; ++row) {
      float* const line = logits_.data() + row * items;
      const auto target = targets[static_cast<std::size_t>(first + row)].item;
      const float most = maximum(line, items);
      const float reached = line[target] - most;
      const float sum = exponentials(line, items, 1.0F, most);
      loss += std::log(static_cast<double>(sum)) - static_cast<double>(reached);
      const float factor = weight / sum;
#pragma omp simd
      for (std::int64_t n = 0; n < items; ++n) line[n] *= factor;
      line[target] -= weight;
    }
    panel_product({.values = logits_.data(), .rows = rows, .row_stride = items}, table.backward, slopes + first * d, d,
                  Accumulate::kNo);
    panels_.pack(of, rows, d, d);
    panel_product({.values = logits_.data(), .rows = items, .row_stride = 1, .column_stride = items}, panels_,
                  item_slopes, d, Accumulate::kYes);
  }
  return loss * static_cast<double>(weight);
}

double ItemLoss::negatives(const ItemTable& table, const float* states, std::span<const SequenceTarget> targets,
                           float weight, float* slopes, float* item_slopes) {
  const auto d = table.dimension;
  double loss = 0;
  for (const auto& target : targets) {
    const float* item = table.values + target.item * d;
    const float* other = table.values + target.other * d;
    const float good = product(states, item, d);
    const float bad = product(states, other, d);
    loss += softplus(-static_cast<double>(good)) + softplus(static_cast<double>(bad));
    const float up = -weight / (1.0F + std::exp(good));
    const float down = weight / (1.0F + std::exp(-bad));
    float* const item_to = item_slopes + target.item * d;
    float* const other_to = item_slopes + target.other * d;
    for (std::int64_t n = 0; n < d; ++n) slopes[n] = up * item[n] + down * other[n];
    for (std::int64_t n = 0; n < d; ++n) item_to[n] += up * states[n];
    for (std::int64_t n = 0; n < d; ++n) other_to[n] += down * states[n];
    states += d;
    slopes += d;
  }
  return loss * static_cast<double>(weight);
}

}  // namespace llama4rec::recommenders
