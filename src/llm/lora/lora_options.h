// Options of low-rank adaptation. Free of libtorch.
#pragma once

#include <cstdint>
#include <string>

#include "config/options.h"

namespace llama4rec::llm {

/// Low-rank adaptation (Hu et al., 2022): W x becomes W x + alpha / rank * B A x; only A and B learn.
struct LoraOptions {
  std::int64_t rank = 16;
  double alpha = 32;
  double dropout = 0.05;                       ///< on the adapters' input
  std::string targets = "all";                 ///< "all", "attention", or names as in q_proj,v_proj
  void declare(config::OptionVisitor& visit);  // "tuning.lora_rank", ...
};

}  // namespace llama4rec::llm
