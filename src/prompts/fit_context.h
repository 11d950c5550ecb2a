// Learned text must fit the model's context; what is too long is cut at whole items.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "llm/training_text.h"

namespace llama4rec::prompts {

/// Tokens of a segment.
using TokenCounter = std::function<std::int64_t(const std::string&)>;

/// A counter that remembers its segments: texts repeat them thousands of times.
TokenCounter remembering(TokenCounter count);

/// The text in pieces of at most `most_tokens` each (begin and end token included), cut behind separators. Every piece begins with the
/// text's segments that are only read; no learned segment is lost. A text that fits comes back whole, as does a single item that does
/// not fit (training refuses it, naming it).
std::vector<llm::TrainingText> cut_to_fit(const llm::TrainingText& text, std::int64_t most_tokens,
                                          const TokenCounter& count);

}  // namespace llama4rec::prompts
