// Text to learn from, as the prompts layer hands it over: segments, each learned or only read.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace llama4rec::llm {

/// One training example. Tokenised segment by segment like a prompt (language_model.h); the model's begin token comes first.
struct TrainingText {
  std::vector<std::string> segments;
  std::vector<bool> learn;  ///< by segment: its tokens count in the loss (paper, eq. 7: the answer's tokens only)
  bool end = true;          ///< an end token follows, learned like the last segment
};

/// The examples of one epoch (from 0): pre-training draws new crops each time, tuning repeats its instructions. Must be a
/// function of the epoch alone, so that an interrupted run resumes exactly.
using TrainingSource = std::function<std::vector<TrainingText>(std::int64_t epoch)>;

}  // namespace llama4rec::llm
