#include "llm/lora/lora_options.h"

namespace llama4rec::llm {

void LoraOptions::declare(config::OptionVisitor& visit) {
  visit.option("tuning.lora_rank", rank, config::between(1, 4096), "Rank of the adapters (tuning.method: lora).");
  visit.option("tuning.lora_alpha", alpha, config::between(1e-6, 1e6),
               "The adapters' products are scaled by alpha / rank.");
  visit.option("tuning.lora_dropout", dropout, config::between(0, 0.95), "Dropout on the adapters' input.");
  visit.option("tuning.lora_targets", targets, config::anything(),
               "Matrices that get adapters: all, attention, or a list of q_proj, k_proj, v_proj, o_proj, gate_proj, "
               "up_proj, down_proj.");
}

}  // namespace llama4rec::llm
