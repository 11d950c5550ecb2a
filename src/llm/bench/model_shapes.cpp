#include "llm/bench/model_shapes.h"

#include <algorithm>
#include <memory>
#include <string_view>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "config/configuration.h"
#include "core/text.h"

namespace llama4rec::llm {
namespace {

constexpr std::int64_t kContext = 4096;

BenchShape shape(const std::string& name, const ModelOptions& options, bool tied) {
  BenchShape result{.name = name, .options = options, .tied = tied};
  result.options.context = kContext;
  result.options.dropout = 0;
  return result;
}

/// Figures are the options of a model that is made on the spot: the same names, ranges and messages.
BenchShape parse_figures(const std::string& text) {
  auto table = std::make_shared<config::OptionTable>();
  table->add<ModelOptions>();
  config::Configuration figures(table);
  for (const auto part : text::split(text, ",")) {
    const auto colon = part.find(':');
    if (colon == std::string_view::npos) {
      throw UsageError(
          fmt::format("shape: '{}', expected s6, s110, l1100 or figures such as hidden:64,layers:2,heads:2", part));
    }
    figures.set(fmt::format("llm.{}", text::trim(part.substr(0, colon))),
                std::string(text::trim(part.substr(colon + 1))), "shape");
  }
  const auto unset = [&](const char* name) { return figures.find(name) == nullptr; };
  auto options = figures.read<ModelOptions>();
  if (unset("llm.intermediate")) options.intermediate = std::max<std::int64_t>(1, options.hidden * 8 / 3);
  if (unset("llm.heads")) options.heads = std::max<std::int64_t>(1, options.hidden / 64);
  if (unset("llm.key_value_heads")) options.key_value_heads = options.heads;
  BenchShape result = shape(text, options, true);
  if (!unset("llm.context")) result.options.context = options.context;
  (void)result.config();  // refuses impossible shapes
  return result;
}

}  // namespace

ModelConfig BenchShape::config() const {
  ModelConfig result = make_config(options, options.vocabulary, 1, {2});
  result.tied = tied;
  return result;
}

const std::vector<BenchShape>& known_shapes() {
  static const std::vector<BenchShape> all{
      shape("S6",
            {.hidden = 256, .intermediate = 688, .layers = 6, .heads = 4, .key_value_heads = 4, .vocabulary = 4096},
            true),
      shape(
          "S110",
          {.hidden = 768, .intermediate = 2048, .layers = 12, .heads = 12, .key_value_heads = 12, .vocabulary = 32000},
          true),
      shape(
          "L1100",
          {.hidden = 2048, .intermediate = 5632, .layers = 22, .heads = 32, .key_value_heads = 4, .vocabulary = 32000},
          false)};
  return all;
}

BenchShape parse_shape(const std::string& text) {
  std::string upper = text;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  for (const auto& known : known_shapes()) {
    if (known.name == upper) return known;
  }
  return parse_figures(text);
}

}  // namespace llama4rec::llm
