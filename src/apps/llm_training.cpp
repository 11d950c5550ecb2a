#include "apps/llm_training.h"

#include <iostream>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/progress.h"
#include "core/text.h"

namespace llama4rec::apps {
namespace {

constexpr const char* kTrainingState = "training.safetensors";

}  // namespace

llm::TrainingSummary train_with_progress(llm::EmbeddedLlm& model, const llm::TrainingSource& source,
                                         const llm::TrainingOptions& options, std::uint64_t seed,
                                         const std::filesystem::path& folder) {
  if (options.epochs == 0) throw UsageError("tuning.epochs is 0: there is nothing to learn");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw InternalError(fmt::format("cannot create {}: {}", folder.string(), error.message()));
  Progress progress("training", options.epochs, "epochs");
  llm::TrainingHooks hooks{.checkpoint = folder / kTrainingState};
  hooks.on_step = [&](const llm::TrainingStep& step) {
    progress.set(step.epoch);
    progress.note(fmt::format("step {} of {}, loss {:.3f}, {} tokens/s", step.step, step.steps, step.loss,
                              text::with_thousands(static_cast<long long>(step.tokens_per_second))));
  };
  auto summary = model.train(source, options, seed, hooks);
  progress.finish();
  return summary;
}

void report_training(const Context& context, const llm::EmbeddedLlm& model, const llm::TrainingSummary& summary,
                     const std::string& folder) {
  model.save(folder);
  std::filesystem::remove(std::filesystem::path(folder) / kTrainingState);
  const double rate = summary.seconds > 0 ? static_cast<double>(summary.tokens) / summary.seconds : 0;
  if (context.json) {
    Context::print_json({{"model", folder},
                         {"parameters", model.parameters()},
                         {"fingerprint", model.fingerprint()},
                         {"epochs", summary.losses.size()},
                         {"steps", summary.steps},
                         {"losses", summary.losses},
                         {"tokens", summary.tokens},
                         {"learned_tokens", summary.learned_tokens},
                         {"seconds", summary.seconds},
                         {"tokens_per_second", rate}});
    return;
  }
  std::cout << fmt::format("{}: {} parameters, {} epochs, {} steps, loss {:.4f}, {:.1f} s, {} tokens/s\n", folder,
                           text::with_thousands(model.parameters()), summary.losses.size(), summary.steps,
                           summary.losses.back(), summary.seconds, text::with_thousands(static_cast<long long>(rate)));
}

}  // namespace llama4rec::apps
