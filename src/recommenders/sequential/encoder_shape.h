// The shape of a sequence model's encoder, and where its weights lie in one buffer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llama4rec::recommenders {

struct EncoderShape {
  std::int64_t items = 0;   ///< of the catalogue; one more row stands for the mask
  std::int64_t length = 1;  ///< positions
  std::int64_t dimension = 64;
  std::int64_t layers = 2;
  std::int64_t heads = 1;
  std::int64_t expansion = 4;  ///< inner size of the feed-forward layers, in dimensions
  double dropout = 0;
  [[nodiscard]] std::int64_t inner() const { return expansion * dimension; }
};

/// A named piece of the buffer.
struct EncoderPart {
  std::string name;
  std::vector<std::int64_t> shape;
  enum class Start { kNormal, kOne, kZero } start = Start::kNormal;  ///< of fresh weights
  std::int64_t offset = 0;
  [[nodiscard]] std::int64_t elements() const;
};

/// "items" [items + 1, d], "positions" [length, d], for each layer N "N.attention_norm" [d], "N.query_key_value" [3 d, d],
/// "N.output" [d, d], "N.inner_norm" [d], "N.inner" [inner, d], "N.outer" [d, inner], each with a bias "..._bias"; at last "norm" [d] with one.
std::vector<EncoderPart> encoder_parts(const EncoderShape& shape);

/// Numbers that an encoder of this shape has.
std::int64_t weight_count(const EncoderShape& shape);

/// What is added to a variance in the encoder's norms.
inline constexpr double kEncoderNormEpsilon = 1e-12;

}  // namespace llama4rec::recommenders
