#include "llm/bpe_merges.h"

#include <algorithm>
#include <bit>
#include <tuple>

namespace llama4rec::llm {
namespace {

std::uint64_t pair_of(Token left, Token right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

/// A merge that may be done.
struct Candidate {
  std::int32_t rank = 0;
  std::int32_t place = 0;  ///< of the left token
  std::uint64_t pair = 0;  ///< another pair stands there by now: outdated
  Token merged = 0;
};

/// For a heap with the smallest on top.
bool later(const Candidate& a, const Candidate& b) { return std::tie(a.rank, a.place) > std::tie(b.rank, b.place); }

}  // namespace

BpeMerges::BpeMerges(std::span<const Merge> ranked) {
  const auto size = std::bit_ceil(2 * ranked.size() + 2);
  shift_ = 64 - std::countr_zero(size);
  slots_.resize(size);
  std::int32_t rank = 0;
  for (const auto& merge : ranked) {
    const auto pair = pair_of(merge.left, merge.right);
    auto& slot = slots_[place_of(pair)];
    if (slot.pair == kEmpty) slot = {.pair = pair, .rank = rank, .merged = merge.merged};
    ++rank;
  }
}

std::size_t BpeMerges::place_of(std::uint64_t pair) const {
  constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;
  auto place = static_cast<std::size_t>(pair * kGoldenRatio >> shift_);
  while (slots_[place].pair != pair && slots_[place].pair != kEmpty) place = (place + 1) & (slots_.size() - 1);
  return place;
}

void BpeMerges::apply(std::vector<Token>& tokens) const {
  const auto count = static_cast<std::int32_t>(tokens.size());
  if (count < 2) return;
  constexpr Token kGone = -1;
  std::vector<std::int32_t> left(tokens.size());
  std::vector<std::int32_t> right(tokens.size());
  std::vector<Candidate> heap;
  const auto at = [](std::int32_t place) { return static_cast<std::size_t>(place); };
  const auto offer = [&](std::int32_t first, std::int32_t second) {
    const auto pair = pair_of(tokens[at(first)], tokens[at(second)]);
    const auto& slot = slots_[place_of(pair)];
    if (slot.pair != pair) return false;
    heap.push_back({.rank = slot.rank, .place = first, .pair = pair, .merged = slot.merged});
    return true;
  };
  for (std::int32_t place = 0; place < count; ++place) {
    left[at(place)] = place - 1;
    right[at(place)] = place + 1;
    if (place + 1 < count) (void)offer(place, place + 1);
  }
  std::make_heap(heap.begin(), heap.end(), later);
  const auto push = [&](std::int32_t first, std::int32_t second) {
    if (first >= 0 && second < count && offer(first, second)) std::push_heap(heap.begin(), heap.end(), later);
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const auto best = heap.back();
    heap.pop_back();
    const auto next = right[at(best.place)];
    if (tokens[at(best.place)] == kGone || next >= count) continue;
    if (pair_of(tokens[at(best.place)], tokens[at(next)]) != best.pair) continue;
    tokens[at(best.place)] = best.merged;
    tokens[at(next)] = kGone;
    const auto after = right[at(next)];
    right[at(best.place)] = after;
    if (after < count) left[at(after)] = best.place;
    push(left[at(best.place)], best.place);
    push(best.place, after);
  }
  std::erase(tokens, kGone);
}

}  // namespace llama4rec::llm
