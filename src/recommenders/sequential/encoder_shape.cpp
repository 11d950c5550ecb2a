#include "recommenders/sequential/encoder_shape.h"

#include <fmt/format.h>

namespace llama4rec::recommenders {

std::int64_t EncoderPart::elements() const {
  std::int64_t count = 1;
  for (const auto size : shape) count *= size;
  return count;
}

std::vector<EncoderPart> encoder_parts(const EncoderShape& shape) {
  using enum EncoderPart::Start;
  const auto d = shape.dimension;
  std::vector<EncoderPart> parts;
  std::int64_t offset = 0;
  const auto add = [&](std::string name, std::vector<std::int64_t> sizes, EncoderPart::Start start) {
    parts.push_back({.name = std::move(name), .shape = std::move(sizes), .start = start, .offset = offset});
    offset += parts.back().elements();
  };
  add("items", {shape.items + 1, d}, kNormal);
  add("positions", {shape.length, d}, kNormal);
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    const auto name = [&](const char* part) { return fmt::format("{}.{}", layer, part); };
    add(name("attention_norm"), {d}, kOne);
    add(name("attention_norm_bias"), {d}, kZero);
    add(name("query_key_value"), {3 * d, d}, kNormal);
    add(name("query_key_value_bias"), {3 * d}, kZero);
    add(name("output"), {d, d}, kNormal);
    add(name("output_bias"), {d}, kZero);
    add(name("inner_norm"), {d}, kOne);
    add(name("inner_norm_bias"), {d}, kZero);
    add(name("inner"), {shape.inner(), d}, kNormal);
    add(name("inner_bias"), {shape.inner()}, kZero);
    add(name("outer"), {d, shape.inner()}, kNormal);
    add(name("outer_bias"), {d}, kZero);
  }
  add("norm", {d}, kOne);
  add("norm_bias", {d}, kZero);
  return parts;
}

std::int64_t weight_count(const EncoderShape& shape) {
  const auto parts = encoder_parts(shape);
  return parts.back().offset + parts.back().elements();
}

}  // namespace llama4rec::recommenders
