// `llm generate`: a greedy continuation of a prompt.
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <llama4rec/error.h>

#include "apps/llm_commands.h"
#include "llm/embedded_llm.h"
#include "tensor/torch.h"

namespace llama4rec::apps {
namespace {

struct GenerateFlags {
  std::string model;
  std::string prompt;
  std::vector<std::int32_t> token_ids;
  std::int64_t max_new_tokens = 64;
};

void generate(Context& context, const GenerateFlags& flags) {
  const auto configuration = context.load_configuration();
  if (flags.prompt.empty() == flags.token_ids.empty()) {
    throw UsageError("llm generate: give either --prompt or --token-ids");
  }
  const auto device = tensor::parse_device(configuration.read<RuntimeOptions>().device);
  const auto model = llm::EmbeddedLlm::load(flags.model, device, configuration.read<llm::ChatOptions>());
  const auto tokens = flags.token_ids.empty() ? model->encode({{flags.prompt}}) : flags.token_ids;
  const auto generated = model->generate(tokens, flags.max_new_tokens);
  if (context.json) {
    Context::print_json(
        {{"token_ids", generated.tokens}, {"text", generated.text}, {"logprobs", generated.log_probabilities}});
  } else {
    std::cout << generated.text << '\n';
  }
}

}  // namespace

void add_llm_generate_command(CLI::App& group, Context& context) {
  auto* command = group.add_subcommand("generate", "Continue a prompt greedily");
  auto flags = std::make_shared<GenerateFlags>();
  command->add_option("--model", flags->model, "The model's folder")->required()->type_name("DIR");
  command->add_option("--prompt", flags->prompt, "The prompt as text; the begin token is put before it");
  command->add_option("--token-ids", flags->token_ids, "The prompt as tokens, taken as they are: 1,403")
      ->delimiter(',')
      ->type_name("IDS");
  command->add_option("--max-new-tokens", flags->max_new_tokens, "Most tokens to generate")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
  command->callback([&context, flags] { generate(context, *flags); });
}

}  // namespace llama4rec::apps
