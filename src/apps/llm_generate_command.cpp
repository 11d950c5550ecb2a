// `llm generate`: a continuation of a prompt, by a model here or behind a server.
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "apps/llm_commands.h"
#include "llm/embedded_llm.h"
#include "llm/engine/engine_options.h"
#include "llm/remote/remote_llm.h"
#include "tensor/torch.h"

namespace llama4rec::apps {
namespace {

struct GenerateFlags {
  std::string model;
  std::vector<std::string> remote;
  std::string prompt;
  std::vector<std::int32_t> token_ids;
  std::int64_t max_new_tokens = 64;
  std::optional<double> temperature;
  std::optional<double> top_p;
};

/// Not CLI::Range, which lets "nan" pass.
void check_range(const char* flag, const std::optional<double>& value, double most) {
  if (value && !(*value >= 0 && *value <= most)) {
    throw UsageError(fmt::format("llm generate: {} is {}, expected a number from 0 to {}", flag, *value, most));
  }
}

/// A server tells text and counts, no tokens.
void generate_remotely(const Context& context, const config::Configuration& configuration, const GenerateFlags& flags) {
  if (flags.top_p) throw UsageError("llm generate: --top-p is for models here (--model)");
  auto options = configuration.read<llm::RemoteOptions>();
  options.temperature = flags.temperature.value_or(options.temperature);
  options.endpoints = flags.remote;
  options.constraint = options.constraint == "auto" ? "none" : options.constraint;  // free text needs no probe
  const auto model =
      llm::RemoteLlm::connect(options, static_cast<std::uint64_t>(configuration.read<RuntimeOptions>().seed));
  const std::vector<CompletionRequest> requests{{.prompt = {{flags.prompt}}, .maximum_tokens = flags.max_new_tokens}};
  const auto answer = model->complete(requests, {}).front();
  if (answer.outcome != AnswerOutcome::kAnswered) throw RemoteError("the server gave no answer (a content filter)");
  if (context.json) {
    Context::print_json({{"text", answer.text}, {"account", to_json(model->account())}});
  } else {
    std::cout << answer.text << '\n';
  }
}

void generate(Context& context, const GenerateFlags& flags) {
  const auto configuration = context.load_configuration();
  if (flags.prompt.empty() == flags.token_ids.empty()) {
    throw UsageError("llm generate: give either --prompt or --token-ids");
  }
  check_range("--temperature", flags.temperature, 2);
  check_range("--top-p", flags.top_p, 1);
  if (flags.model.empty() == flags.remote.empty()) throw UsageError("llm generate: give either --model or --remote");
  if (!flags.remote.empty()) {
    if (flags.prompt.empty())
      throw UsageError("llm generate: --remote needs --prompt; token numbers are a model's own");
    generate_remotely(context, configuration, flags);
    return;
  }
  const auto runtime = configuration.read<RuntimeOptions>();
  const auto device = tensor::parse_device(runtime.device);
  const auto model = llm::EmbeddedLlm::load(flags.model, device, configuration.read<llm::ChatOptions>());
  const auto tokens = flags.token_ids.empty() ? model->encode({{flags.prompt}}) : flags.token_ids;
  model->set_engine(configuration.read<llm::EngineOptions>());
  const Sampling sampling{.temperature = flags.temperature.value_or(0),
                          .top_p = flags.top_p.value_or(1),
                          .seed = static_cast<std::uint64_t>(runtime.seed)};
  const auto generated = model->generate(tokens, flags.max_new_tokens, sampling);
  if (context.json) {
    Context::print_json(
        {{"token_ids", generated.tokens}, {"text", generated.text}, {"logprobs", generated.log_probabilities}});
  } else {
    std::cout << generated.text << '\n';
  }
}

}  // namespace

void add_llm_generate_command(CLI::App& group, Context& context) {
  auto* command = group.add_subcommand("generate", "Continue a prompt");
  auto flags = std::make_shared<GenerateFlags>();
  command->add_option("--model", flags->model, "The model's folder")->type_name("DIR");
  command->add_option("--remote", flags->remote, "In place of --model: a server with the OpenAI API (llm.remote_model)")
      ->type_name("ADDRESS");
  command->add_option("--prompt", flags->prompt, "The prompt as text; the begin token is put before it");
  command->add_option("--token-ids", flags->token_ids, "The prompt as tokens, taken as they are: 1,403")
      ->delimiter(',')
      ->type_name("IDS");
  command->add_option("--max-new-tokens", flags->max_new_tokens, "Most tokens to generate")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
  command->add_option("--temperature", flags->temperature, "Draw tokens, by --seed; 0 = always the likeliest (0 to 2)");
  command->add_option("--top-p", flags->top_p, "Draw among the likeliest tokens that have this probability (0 to 1)");
  command->callback([&context, flags] { generate(context, *flags); });
}

}  // namespace llama4rec::apps
