#include "recommenders/sequential/sequence_views.h"

#include <algorithm>
#include <numeric>

namespace llama4rec::recommenders {
namespace {

std::size_t part_of(const Sequence& sequence, double ratio) {
  return static_cast<std::size_t>(ratio * static_cast<double>(sequence.size()));
}

}  // namespace

Sequence cropped(const Sequence& sequence, double ratio, RandomStream& random) {
  const auto count = std::max<std::size_t>(1, part_of(sequence, ratio));
  const auto first = static_cast<std::ptrdiff_t>(random.below(sequence.size() - count + 1));
  return {sequence.begin() + first, sequence.begin() + first + static_cast<std::ptrdiff_t>(count)};
}

Sequence masked(const Sequence& sequence, double ratio, std::int64_t mask, RandomStream& random) {
  std::vector<std::size_t> places(sequence.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  random.shuffle(std::span(places));
  Sequence view = sequence;
  for (std::size_t i = 0; i < part_of(sequence, ratio); ++i) view[places[i]] = static_cast<ItemIndex>(mask);
  return view;
}

Sequence reordered(const Sequence& sequence, double ratio, RandomStream& random) {
  const auto count = part_of(sequence, ratio);
  Sequence view = sequence;
  const auto first = random.below(sequence.size() - count + 1);
  random.shuffle(std::span(view).subspan(first, count));
  return view;
}

Sequence random_view(const Sequence& sequence, const ViewRatios& ratios, std::int64_t mask, RandomStream& random) {
  switch (random.below(3)) {
    case 0:
      return cropped(sequence, ratios.crop, random);
    case 1:
      return masked(sequence, ratios.mask, mask, random);
    default:
      return reordered(sequence, ratios.reorder, random);
  }
}

}  // namespace llama4rec::recommenders
