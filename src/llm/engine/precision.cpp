#include "llm/engine/precision.h"

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::llm {

bool has_bfloat16() {
#if defined(__AVX512BF16__)
  return true;
#else
  return false;
#endif
}

Precision parse_precision(const std::string& name) {
  if (name == "float32") return Precision::kFloat32;
  if (name == "bfloat16") return Precision::kBfloat16;
  if (name == "int8") return Precision::kInt8;
  if (name == "auto") return has_bfloat16() ? Precision::kBfloat16 : Precision::kFloat32;
  throw UsageError(fmt::format("unknown precision \"{}\", expected auto, float32, bfloat16 or int8", name));
}

Precision cache_precision(Precision weights) {
  if (weights == Precision::kInt8) return has_bfloat16() ? Precision::kBfloat16 : Precision::kFloat32;
  return weights;
}

std::string to_string(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return "float32";
    case Precision::kBfloat16:
      return "bfloat16";
    case Precision::kInt8:
      return "int8";
  }
  throw InternalError("unknown precision");
}

}  // namespace llama4rec::llm
