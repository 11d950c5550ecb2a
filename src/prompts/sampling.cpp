#include "prompts/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "core/random.h"

namespace llama4rec::prompts {
namespace {

std::vector<std::size_t> every_place(std::size_t count) {
  std::vector<std::size_t> places(count);
  std::iota(places.begin(), places.end(), 0);
  return places;
}

}  // namespace

std::vector<std::size_t> draw_uniformly(std::size_t count, std::size_t most, std::uint64_t seed) {
  std::vector<std::size_t> places = every_place(count);
  if (most >= count) return places;
  RandomStream random(seed, "instructions.draw");
  random.shuffle(std::span(places));
  places.resize(most);
  std::sort(places.begin(), places.end());
  return places;
}

std::vector<std::size_t> draw_by_weight(std::span<const double> weights, std::size_t most, std::uint64_t seed) {
  if (most >= weights.size()) return every_place(weights.size());
  std::vector<std::pair<double, std::size_t>> keys;
  keys.reserve(weights.size());
  for (std::size_t place = 0; place < weights.size(); ++place) {
    RandomStream random(seed, "instructions.importance", {place});
    const double exponential = -std::log1p(-random.uniform());
    const double key = weights[place] > 0 ? exponential / weights[place] : std::numeric_limits<double>::infinity();
    keys.emplace_back(key, place);
  }
  const auto end = keys.begin() + static_cast<std::ptrdiff_t>(most);
  std::nth_element(keys.begin(), end, keys.end());
  std::vector<std::size_t> places;
  std::transform(keys.begin(), end, std::back_inserter(places), [](const auto& key) { return key.second; });
  std::sort(places.begin(), places.end());
  return places;
}

std::vector<std::size_t> draw_in_turns(std::span<const std::int64_t> groups, std::size_t most, std::uint64_t seed) {
  if (most >= groups.size()) return every_place(groups.size());
  std::map<std::int64_t, std::vector<std::size_t>> members;
  for (std::size_t place = 0; place < groups.size(); ++place) members[groups[place]].push_back(place);
  std::vector<std::vector<std::size_t>> order;
  for (auto& [group, places] : members) {
    RandomStream random(seed, "instructions.clusters.draw", {static_cast<std::uint64_t>(group)});
    random.shuffle(std::span(places));
    order.push_back(std::move(places));
  }
  RandomStream random(seed, "instructions.clusters.order");
  random.shuffle(std::span(order));
  std::vector<std::size_t> drawn;
  for (std::size_t round = 0; drawn.size() < most; ++round) {
    for (const auto& places : order) {
      if (round < places.size() && drawn.size() < most) drawn.push_back(places[round]);
    }
  }
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

}  // namespace llama4rec::prompts
