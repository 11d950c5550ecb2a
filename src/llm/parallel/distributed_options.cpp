#include "llm/parallel/distributed_options.h"

namespace llama4rec::llm {

void DistributedOptions::declare(config::OptionVisitor& visit) {
  visit.option(
      "distributed.zero_stage", zero_stage, config::between(0, 3),
      "What several processes share out (docs/tuning.md): 0 nothing, 1 the optimiser's state, 2 and gradients, "
      "3 and weights.");
  visit.option("distributed.timeout_seconds", timeout_seconds, config::between(1, 86'400),
               "How long a process waits for the others before it gives up.");
}

}  // namespace llama4rec::llm
