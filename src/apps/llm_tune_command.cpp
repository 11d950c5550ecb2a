// `llm tune`: instruction tuning of a model folder.
#include <memory>
#include <string>

#include "apps/llm_commands.h"
#include "apps/llm_text.h"
#include "apps/llm_training.h"
#include "llm/embedded_llm.h"
#include "tensor/torch.h"

namespace llama4rec::apps {
namespace {

struct TuneFlags {
  std::string model;
  std::string data;
  std::string out;
  std::string config;
};

void tune(Context& context, const TuneFlags& flags) {
  const auto configuration = context.load_configuration(flags.config);
  const auto runtime = configuration.read<RuntimeOptions>();
  const auto texts = read_instructions(flags.data);
  const auto model =
      llm::EmbeddedLlm::load(flags.model, tensor::parse_device(runtime.device), configuration.read<llm::ChatOptions>());
  const auto summary = train_with_progress(
      *model, [&](std::int64_t) { return texts; }, configuration.read<llm::TuningOptions>(),
      static_cast<std::uint64_t>(runtime.seed), flags.out);
  report_training(context, *model, summary, flags.out);
}

}  // namespace

void add_llm_tune_command(CLI::App& group, Context& context) {
  auto* command = group.add_subcommand("tune", "Tune a model on instructions (loss on the outputs only)");
  auto flags = std::make_shared<TuneFlags>();
  command->add_option("--model", flags->model, "The model's folder")->required()->type_name("DIR");
  command->add_option("--data", flags->data, "JSON lines with instruction, input and output")
      ->required()
      ->type_name("FILE");
  command->add_option("--out", flags->out, "The folder to write")->required()->type_name("DIR");
  command->add_option("--config", flags->config, "A YAML file to overlay")->type_name("FILE");
  command->callback([&context, flags] { tune(context, *flags); });
}

}  // namespace llama4rec::apps
