#include "apps/llm_training.h"

#include <iostream>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/text.h"
#include "llm/training_progress.h"
#include "llm/training_state.h"
#include "tensor/torch.h"

namespace llama4rec::apps {
namespace {

constexpr const char* kTrainingState = "training.safetensors";

/// The largest resident set of every process while it trained.
std::vector<std::int64_t> peak_memory(const tensor::World& world, std::int64_t own) {
  const auto bytes = world.gathered(torch::full({1}, own, torch::kInt64));
  return {bytes.data_ptr<std::int64_t>(), bytes.data_ptr<std::int64_t>() + bytes.numel()};
}

/// The last of a list, for a line of text.
std::string last_of(const std::vector<double>& values) {
  return values.empty() ? "none" : fmt::format("{:.4f}", values.back());
}

}  // namespace

llm::TrainingSummary train_with_progress(llm::EmbeddedLlm& model, const llm::TrainingSource& source,
                                         const llm::TrainingOptions& options, std::uint64_t seed,
                                         const std::filesystem::path& folder, llm::TrainingHooks hooks) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw InternalError(fmt::format("cannot create {}: {}", folder.string(), error.message()));
  hooks.checkpoint = folder / kTrainingState;
  if (hooks.world != nullptr && !hooks.world->leads()) return model.train(source, options, seed, hooks);
  llm::TrainingProgress progress("training");
  hooks.on_step = [&](const llm::TrainingStep& step) { progress.show(step); };
  auto summary = model.train(source, options, seed, hooks);
  progress.finish();
  return summary;
}

void report_training(const Context& context, const llm::EmbeddedLlm& model, const llm::TrainingSummary& summary,
                     const std::string& folder, const tensor::World& world) {
  if (world.leads()) {
    if (model.adapted()) {
      model.save_adapters(folder);
    } else {
      model.save(folder);
    }
    llm::remove_training_state(std::filesystem::path(folder) / kTrainingState);
  }
  const auto peaks = peak_memory(world, summary.peak_resident_bytes);  // behind the leading process's files
  if (!world.leads()) return;
  const double rate = summary.seconds > 0 ? static_cast<double>(summary.tokens) / summary.seconds : 0;
  if (context.json) {
    Context::print_json({{"model", folder},
                         {"parameters", model.parameters()},
                         {"fingerprint", model.fingerprint()},
                         {"epochs", summary.losses.size()},
                         {"steps", summary.steps},
                         {"losses", summary.losses},
                         {"validation_losses", summary.validation_losses},
                         {"tokens", summary.tokens},
                         {"learned_tokens", summary.learned_tokens},
                         {"seconds", summary.seconds},
                         {"tokens_per_second", rate},
                         {"processes", world.size()},
                         {"peak_resident_bytes", peaks}});
    return;
  }
  std::cout << fmt::format("{}: {} parameters{}, {} epochs, {} steps, loss {}, {:.1f} s, {} tokens/s\n", folder,
                           text::with_thousands(model.parameters()), model.adapted() ? " beside adapters" : "",
                           summary.losses.size(), summary.steps, last_of(summary.losses), summary.seconds,
                           text::with_thousands(static_cast<long long>(rate)));
  if (!summary.validation_losses.empty()) {
    std::cout << fmt::format("validation loss {} after the last epoch\n", last_of(summary.validation_losses));
  }
}

}  // namespace llama4rec::apps
