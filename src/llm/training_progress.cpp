#include "llm/training_progress.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.h"

namespace llama4rec::llm {

std::string training_note(const TrainingStep& step) {
  auto note = fmt::format("epoch {}, loss {:.3f}, {} tokens/s", step.epoch + 1, step.loss,
                          text::with_thousands(static_cast<long long>(step.tokens_per_second)));
  if (step.share_of_peak > 0) note += fmt::format(", {:.0f}% of peak", 100 * step.share_of_peak);
  return note;
}

void TrainingProgress::show(const TrainingStep& step) {
  bar_.set(step.step * kParts / std::max<std::int64_t>(1, step.steps));
  bar_.note(training_note(step));
}

}  // namespace llama4rec::llm
