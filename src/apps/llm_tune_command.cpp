// `llm tune`: instruction tuning of a model folder.
#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "apps/llm_commands.h"
#include "apps/llm_text.h"
#include "apps/llm_training.h"
#include "apps/processes.h"
#include "llm/embedded_llm.h"
#include "llm/parallel/distributed_options.h"

namespace llama4rec::apps {
namespace {

struct TuneFlags {
  std::string model;
  std::string data;
  std::string validation;
  std::string out;
  std::string config;
};

void tune(Context& context, const TuneFlags& flags) {
  const auto configuration = context.load_configuration(flags.config);
  const auto runtime = configuration.read<RuntimeOptions>();
  const auto distributed = configuration.read<llm::DistributedOptions>();
  const auto options = configuration.read<llm::TuningOptions>();
  if (options.epochs == 0) throw UsageError("tuning.epochs is 0: there is nothing to do");
  if (options.method == "lora" && std::filesystem::exists(std::filesystem::path(flags.out) / "config.json")) {
    throw UsageError(flags.out + " holds a whole model; adapters need a folder of their own");
  }
  const auto texts = read_instructions(flags.data);
  const auto placement = tensor::placement_from_environment();
  const auto world = join_world(configuration, placement);
  const auto model =
      llm::EmbeddedLlm::load(flags.model, device_of(configuration, placement), configuration.read<llm::ChatOptions>());
  llm::TrainingHooks hooks{.world = &world, .zero_stage = static_cast<int>(distributed.zero_stage)};
  if (!flags.validation.empty()) hooks.validation = read_instructions(flags.validation);
  const auto summary = train_with_progress(
      *model, [&](std::int64_t) { return texts; }, options, static_cast<std::uint64_t>(runtime.seed), flags.out, hooks);
  report_training(context, *model, summary, flags.out, world);
}

}  // namespace

void add_llm_tune_command(CLI::App& group, Context& context) {
  auto* command = group.add_subcommand("tune", "Tune a model on instructions (loss on the outputs only)");
  auto flags = std::make_shared<TuneFlags>();
  command->add_option("--model", flags->model, "The model's folder")->required()->type_name("DIR");
  command->add_option("--data", flags->data, "JSON lines with instruction, input and output")
      ->required()
      ->type_name("FILE");
  command->add_option("--validation", flags->validation, "Instructions whose loss is measured after every epoch")
      ->type_name("FILE");
  command->add_option("--out", flags->out, "The folder to write")->required()->type_name("DIR");
  command->add_option("--config", flags->config, "A YAML file to overlay")->type_name("FILE");
  command->callback([&context, flags] { tune(context, *flags); });
}

}  // namespace llama4rec::apps
