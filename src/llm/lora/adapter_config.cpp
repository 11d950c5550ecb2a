#include "llm/lora/adapter_config.h"

#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "llm/json_reader.h"
#include "llm/lora/adapter_targets.h"

namespace llama4rec::llm {
namespace {

/// The option's text for a list of module names.
std::string targets_of(const JsonReader& reader) {
  std::vector<std::string> names;
  for (const auto& name : reader.list("target_modules")) {
    bool known = false;
    for (const auto& it : kAdapterTargets) known = known || (name.is_string() && name.get<std::string>() == it.name);
    if (!known)
      reader.fail("target_modules", "names out of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj");
    names.push_back(name.get<std::string>());
  }
  if (names.empty()) reader.fail("target_modules", "at least one name");
  return fmt::format("{}", fmt::join(names, ","));
}

/// Empty lists and objects change nothing.
void expect_nothing(const JsonReader& reader, const char* key) {
  const auto& value = reader.value(key);
  if (!value.is_null() && !((value.is_object() || value.is_array()) && value.empty())) reader.fail(key, "nothing");
}

}  // namespace

AdapterConfig adapter_config_from_json(const std::string& text, const std::string& file) {
  const auto document = parse_json(text, file);
  const JsonReader reader(document, file);
  (void)reader.choice("peft_type", {"LORA"});
  reader.expect("bias", "none");
  reader.expect("fan_in_fan_out", false);
  reader.expect("use_dora", false);
  for (const char* key : {"modules_to_save", "layers_to_transform", "layers_pattern", "rank_pattern", "alpha_pattern",
                          "trainable_token_indices", "layer_replication", "target_parameters",
                          "alora_invocation_tokens", "exclude_modules"}) {
    expect_nothing(reader, key);
  }
  // Other ways of beginning change the base as well.
  const auto& begin = reader.value("init_lora_weights");
  if (!begin.is_null() && !begin.is_boolean() && begin != "gaussian" && begin != "eva") {
    reader.fail("init_lora_weights", "true, false, \"gaussian\" or \"eva\"");
  }
  AdapterConfig adapter;
  adapter.base = reader.text("base_model_name_or_path");
  adapter.options.rank = reader.integer("r", 1, 4096, -1);
  adapter.options.alpha = reader.number("lora_alpha", 1e-6, 1e6);
  if (reader.boolean("use_rslora", false))
    adapter.options.alpha *= std::sqrt(static_cast<double>(adapter.options.rank));
  adapter.options.dropout = reader.number("lora_dropout", 0, 0.99, 0);
  adapter.options.targets = targets_of(reader);
  return adapter;
}

}  // namespace llama4rec::llm
