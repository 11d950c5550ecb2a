// What is told of an answer while it is written.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <llama4rec/language_model.h>

namespace llama4rec::llm {

/// What came of a request since it was told of last.
struct AnswerProgress {
  std::int64_t request = 0;
  std::vector<std::int32_t> tokens;       ///< new ones of free text, without the end token
  std::vector<double> log_probabilities;  ///< one per token, natural logarithm, before temperature and top_p
  std::optional<Completion> answer;       ///< the end
  bool ended = false;                     ///< free text, at the end: by an end token, not by the limit
};

/// Called with every new token. False: nothing more is wanted, the text ends behind it.
using TokenArrival = std::function<bool(std::int32_t token, double log_probability)>;

}  // namespace llama4rec::llm
