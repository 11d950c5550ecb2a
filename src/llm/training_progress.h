// The bar beside a training: share done, time left, loss, speed.
#pragma once

#include <string>

#include "core/progress.h"
#include "llm/embedded_llm.h"

namespace llama4rec::llm {

/// "epoch 2, loss 1.234, 5,120 tokens/s, 71% of peak".
std::string training_note(const TrainingStep& step);

class TrainingProgress {
 public:
  explicit TrainingProgress(std::string label) : bar_(std::move(label), kParts, "") {}
  void show(const TrainingStep& step);
  void finish() { bar_.finish(); }

 private:
  static constexpr std::int64_t kParts = 1000;  ///< of the whole
  Progress bar_;
};

}  // namespace llama4rec::llm
