// `llm score`: log-probabilities of given tokens, in float32 by the plain decoder unless llm.precision asks for the engine's.
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "apps/llm_commands.h"
#include "llm/embedded_llm.h"
#include "llm/engine/engine.h"
#include "tensor/torch.h"

namespace llama4rec::apps {
namespace {

struct ScoreFlags {
  std::string model;
  std::vector<std::int32_t> token_ids;
};

void score(Context& context, const ScoreFlags& flags) {
  const auto configuration = context.load_configuration();
  const auto device = tensor::parse_device(configuration.read<RuntimeOptions>().device);
  const auto model = llm::EmbeddedLlm::load(flags.model, device);
  const auto engine = configuration.read<llm::EngineOptions>();
  std::vector<double> scores;
  if (engine.precision == "auto" || !model->answers_alone()) {
    scores = model->score_tokens(flags.token_ids);
  } else {
    model->set_engine(engine);
    scores = model->engine().score(flags.token_ids);
  }
  if (context.json) {
    Context::print_json({{"logprobs", scores}});
    return;
  }
  for (std::size_t i = 0; i < scores.size(); ++i) {
    std::cout << fmt::format("{}\t{:.6f}\n", flags.token_ids[i + 1], scores[i]);
  }
}

}  // namespace

void add_llm_score_command(CLI::App& group, Context& context) {
  auto* command =
      group.add_subcommand("score", "Log-probability of each token after the first; exact unless llm.precision is set");
  auto flags = std::make_shared<ScoreFlags>();
  command->add_option("--model", flags->model, "The model's folder")->required()->type_name("DIR");
  command->add_option("--token-ids", flags->token_ids, "The tokens, taken as they are: 1,2,3")
      ->required()
      ->delimiter(',')
      ->type_name("IDS");
  command->callback([&context, flags] { score(context, *flags); });
}

}  // namespace llama4rec::apps
