// The parameters of a rating model in one flat buffer: names, shapes, places and initial values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace llama4rec::recommenders {

enum class InitialValues { kNormal, kUniform, kConstant };

/// How a parameter begins.
struct Initial {
  InitialValues kind = InitialValues::kConstant;
  double scale = 0;  ///< standard deviation, half of the width, or the constant

  static Initial normal(double deviation) { return {InitialValues::kNormal, deviation}; }
  /// Glorot and Bengio, AISTATS 2010, eq. 16.
  static Initial glorot(std::int64_t inputs, std::int64_t outputs);
  static Initial constant(double value) { return {InitialValues::kConstant, value}; }
};

struct Parameter {
  std::string name;
  std::vector<std::int64_t> shape;
  Initial initial;
  std::int64_t offset = 0;  ///< of its first value in the flat buffer
  std::int64_t size = 0;
};

class ParameterLayout {
 public:
  /// Returns the parameter's offset; names are different.
  std::int64_t add(const std::string& name, std::vector<std::int64_t> shape, Initial initial);
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }
  [[nodiscard]] std::int64_t size() const { return size_; }
  /// Fresh values, [size]; each parameter has its own random stream, so that one more changes no other.
  [[nodiscard]] std::vector<float> draw(std::uint64_t seed) const;

 private:
  std::vector<Parameter> parameters_;
  std::int64_t size_ = 0;
};

}  // namespace llama4rec::recommenders
