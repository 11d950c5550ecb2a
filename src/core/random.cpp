#include "core/random.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace llama4rec {
namespace {

std::uint64_t splitmix(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

}  // namespace

std::uint64_t derived_seed(std::uint64_t seed, std::string_view component,
                           std::initializer_list<std::uint64_t> indices) {
  std::uint64_t state = seed;
  std::uint64_t mixed = splitmix(state);
  for (const char c : component) {
    state = mixed ^ static_cast<unsigned char>(c);
    mixed = splitmix(state);
  }
  for (const std::uint64_t index : indices) {
    state = mixed ^ index;
    mixed = splitmix(state) + 1;  // "+ 1": an index is not confused with one more letter of the name
  }
  return mixed;
}

RandomStream::RandomStream(std::uint64_t seed, std::string_view component,
                           std::initializer_list<std::uint64_t> indices) {
  std::uint64_t state = derived_seed(seed, component, indices);
  for (auto& word : state_) word = splitmix(state);
}

std::uint64_t RandomStream::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17U;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
  // Lemire's multiplication with rejection of the biased remainder.
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(next()) * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t threshold = -bound % bound;
    while (static_cast<std::uint64_t>(product) < threshold) product = static_cast<Wide>(next()) * bound;
  }
  return static_cast<std::uint64_t>(product >> 64U);
}

double RandomStream::uniform() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

double RandomStream::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace llama4rec
