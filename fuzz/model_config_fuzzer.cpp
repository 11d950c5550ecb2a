// LAYERS: core config SOURCES: src/llm/model_config.cpp src/llm/json_reader.cpp src/llm/weight_index.cpp
// Any text as config.json, generation_config.json and index of shards: either it is refused by a DataError in one line, or the
// configuration is one that arithmetic can be done with, and reads back from the file that we write.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "fuzz_error.h"
#include "llm/model_config.h"
#include "llm/weight_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llama4rec::llm;
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  ModelConfig config;
  if (data[0] % 4 == 0) {
    (void)accepts([&] { (void)parse_weight_index(text, "index"); });
    return 0;
  }
  if (data[0] % 4 == 1) {
    config.vocabulary = 1000;
    if (accepts([&] { add_generation_config(text, "generation_config.json", config); }) && config.end_tokens.empty())
      std::abort();
    return 0;
  }
  if (!accepts([&] { config = config_from_json(text, "config.json"); })) return 0;
  const auto outside = [&](std::int64_t token) { return token < 0 || token >= config.vocabulary; };
  if (config.head_dimension() < 2 || config.heads % config.key_value_heads != 0 || config.end_tokens.empty())
    std::abort();
  for (const auto token : config.end_tokens) {
    if (outside(token)) std::abort();
  }
  if (config_from_json(config_to_json(config), "again") != config) std::abort();
  return 0;
}
