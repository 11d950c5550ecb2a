// `llm merge`: adapters and their base model become one model folder.
#include <iostream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "apps/llm_commands.h"
#include "core/text.h"
#include "llm/embedded_llm.h"
#include "llm/lora/adapter_files.h"
#include "tensor/torch.h"

namespace llama4rec::apps {
namespace {

struct MergeFlags {
  std::string adapter;
  std::string base;
  std::string out;
};

void merge(Context& context, const MergeFlags& flags) {
  if (!llm::is_adapter_folder(flags.adapter)) {
    throw UsageError(flags.adapter + " holds no adapters (adapter_config.json without config.json)");
  }
  const auto runtime = context.load_configuration("").read<RuntimeOptions>();
  const auto model = llm::EmbeddedLlm::load(flags.adapter, tensor::parse_device(runtime.device), {}, flags.base);
  model->save(flags.out);
  if (context.json) {
    Context::print_json(
        {{"model", flags.out}, {"parameters", model->parameters()}, {"fingerprint", model->fingerprint()}});
    return;
  }
  std::cout << fmt::format("{}: {} parameters, the adapters of {} merged\n", flags.out,
                           text::with_thousands(model->parameters()), flags.adapter);
}

}  // namespace

void add_llm_merge_command(CLI::App& group, Context& context) {
  auto* command = group.add_subcommand("merge", "Merge adapters into their base model");
  auto flags = std::make_shared<MergeFlags>();
  command->add_option("--adapter", flags->adapter, "The folder of the adapters (PEFT's layout)")
      ->required()
      ->type_name("DIR");
  command->add_option("--base", flags->base, "The base model, where it is not where the adapters say")
      ->type_name("DIR");
  command->add_option("--out", flags->out, "The folder to write")->required()->type_name("DIR");
  command->callback([&context, flags] { merge(context, *flags); });
}

}  // namespace llama4rec::apps
