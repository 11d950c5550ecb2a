// LAYERS: core config SOURCES: src/llm/lora/adapter_config.cpp src/llm/json_reader.cpp
// Any text as adapter_config.json: either it is refused by a DataError in one line, or rank, scale, dropout and targets are ones that
// adapters can be made with.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "fuzz_error.h"
#include "llm/lora/adapter_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llama4rec::llm;
  const std::string text(reinterpret_cast<const char*>(data), size);
  AdapterConfig adapter;
  if (!accepts([&] { adapter = adapter_config_from_json(text, "adapter_config.json"); })) return 0;
  const auto& options = adapter.options;
  if (options.rank < 1 || options.rank > 4096 || options.targets.empty() || adapter.base.empty()) std::abort();
  if (!std::isfinite(options.alpha) || options.alpha <= 0 || options.dropout < 0 || options.dropout >= 1) std::abort();
  return 0;
}
