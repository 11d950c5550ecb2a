#include "llm/engine/engine_options.h"

namespace llama4rec::llm {

void EngineOptions::declare(config::OptionVisitor& visit) {
  visit.option("llm.precision", precision, config::one_of({"auto", "float32", "bfloat16", "int8"}),
               "Numbers that answers are computed with; auto: bfloat16 where the CPU multiplies it. int8: 8-bit "
               "weights and inputs of products, some 1.5 times as fast.");
  visit.option("llm.cache_megabytes", cache_megabytes, config::between(1, 1 << 20),
               "Most memory of keys and values of tokens already read.");
  visit.option("llm.step_tokens", step_tokens, config::between(32, 1 << 20), "Tokens that are read at once.");
  visit.option("llm.most_sequences", most_sequences, config::between(1, 1 << 16),
               "Prompts that are answered at a time.");
}

}  // namespace llama4rec::llm
