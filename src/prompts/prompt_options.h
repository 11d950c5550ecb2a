// Options of prompts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/options.h"

namespace llama4rec::prompts {

struct PromptOptions {
  std::int64_t candidates = 10;
  std::int64_t chunk = 10;
  std::string merge = "place";
  std::vector<std::string> methods = {"listwise", "first", "pointwise"};
  std::int64_t history_length = 40;
  std::int64_t similar_history_length = 10;
  bool show_candidates = true;
  bool similar_user = true;
  bool hint = true;
  std::string style = "compact";
  std::string templates;

  /// Whether a ranking method is one of `methods`.
  [[nodiscard]] bool asks(const std::string& method) const;
  /// Candidates of one prompt.
  [[nodiscard]] std::int64_t candidates_at_once() const { return chunk < candidates ? chunk : candidates; }

  void declare(config::OptionVisitor& visit);
};

/// Names of the options that decide how many candidates are ranked in how many prompts and how: prompts about anything else do not depend on them.
std::vector<std::string> candidate_options();

}  // namespace llama4rec::prompts
