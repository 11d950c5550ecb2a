// Which of so many things are drawn without replacement: uniformly, by weight, or evenly over groups.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace llama4rec::prompts {

/// `most` of the places 0 to `count` - 1, every set of so many alike; all where `most` is not below `count`. Ascending.
std::vector<std::size_t> draw_uniformly(std::size_t count, std::size_t most, std::uint64_t seed);

/// As if drawn one after the other, each with a probability proportional to its weight among those that are left: the smallest of
/// exponential keys with the weights as rates (Efraimidis and Spirakis, 2006). Weights are not negative; places with weight zero come
/// after all others. Ascending.
std::vector<std::size_t> draw_by_weight(std::span<const double> weights, std::size_t most, std::uint64_t seed);

/// Places are dealt in turns, one from every group and round, a group's own in random order: groups contribute alike as far as they have
/// places, the fuller ones the rest. In which order the groups stand is drawn too. `groups[place]` is any number. Ascending.
std::vector<std::size_t> draw_in_turns(std::span<const std::int64_t> groups, std::size_t most, std::uint64_t seed);

}  // namespace llama4rec::prompts
