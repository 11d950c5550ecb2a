// Options of prompts.
#pragma once

#include <cstdint>
#include <string>

#include "config/options.h"

namespace llama4rec::prompts {

struct PromptOptions {
  std::int64_t candidates = 10;
  std::int64_t history_length = 40;
  std::int64_t similar_history_length = 10;
  bool show_candidates = true;
  bool similar_user = true;
  bool hint = true;
  std::string style = "compact";

  void declare(config::OptionVisitor& visit);
};

}  // namespace llama4rec::prompts
