#include "recommenders/rating/parameter_layout.h"

#include <cmath>
#include <utility>

#include "core/random.h"

namespace llama4rec::recommenders {

Initial Initial::glorot(std::int64_t inputs, std::int64_t outputs) {
  return {InitialValues::kUniform, std::sqrt(6.0 / static_cast<double>(inputs + outputs))};
}

std::int64_t ParameterLayout::add(const std::string& name, std::vector<std::int64_t> shape, Initial initial) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  parameters_.push_back({.name = name, .shape = std::move(shape), .initial = initial, .offset = size_, .size = count});
  size_ += count;
  return parameters_.back().offset;
}

std::vector<float> ParameterLayout::draw(std::uint64_t seed) const {
  std::vector<float> values(static_cast<std::size_t>(size_));
  for (const Parameter& parameter : parameters_) {
    RandomStream stream(seed, "recommenders.rating." + parameter.name);
    for (std::int64_t n = 0; n < parameter.size; ++n) {
      double value = parameter.initial.scale;
      if (parameter.initial.kind == InitialValues::kNormal) value *= stream.normal();
      if (parameter.initial.kind == InitialValues::kUniform) value *= 2 * stream.uniform() - 1;
      values[static_cast<std::size_t>(parameter.offset + n)] = static_cast<float>(value);
    }
  }
  return values;
}

}  // namespace llama4rec::recommenders
