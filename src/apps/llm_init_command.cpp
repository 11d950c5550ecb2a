// `llm init`: a tokeniser and a small model, made from a text file.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/llm_commands.h"
#include "apps/llm_text.h"
#include "apps/llm_training.h"
#include "llm/embedded_llm.h"
#include "tensor/torch.h"

namespace llama4rec::apps {
namespace {

struct InitFlags {
  std::string text;
  std::string out;
  std::string config;
};

void initialise(Context& context, const InitFlags& flags) {
  const auto configuration = context.load_configuration(flags.config);
  const auto runtime = configuration.read<RuntimeOptions>();
  const auto options = configuration.read<llm::ModelOptions>();
  const auto seed = static_cast<std::uint64_t>(runtime.seed);
  const auto lines = read_text_lines(flags.text);
  std::vector<std::pair<std::string, std::int64_t>> weighted;
  std::vector<llm::TrainingText> texts;
  for (const auto& line : lines) {
    weighted.emplace_back(line, 1);
    texts.push_back({.segments = {line}, .learn = {true}});
  }
  const auto folder = std::filesystem::path(flags.out);
  std::filesystem::create_directories(folder);
  llm::train_tokenizer(weighted, options, seed, folder / "tokenizer.model");
  const auto model =
      llm::EmbeddedLlm::create(folder / "tokenizer.model", options, seed, tensor::parse_device(runtime.device));
  const auto summary = train_with_progress(
      *model, [&](std::int64_t) { return texts; }, configuration.read<llm::PretrainingOptions>(), seed, folder);
  report_training(context, *model, summary, flags.out, {});
}

}  // namespace

void add_llm_init_command(CLI::App& group, Context& context) {
  auto* command = group.add_subcommand("init", "Make a tokeniser and a small model from text");
  auto flags = std::make_shared<InitFlags>();
  command->add_option("--text", flags->text, "A text file, one text per line")->required()->type_name("FILE");
  command->add_option("--out", flags->out, "The folder to write")->required()->type_name("DIR");
  command->add_option("--config", flags->config, "A YAML file to overlay")->type_name("FILE");
  command->callback([&context, flags] { initialise(context, *flags); });
}

}  // namespace llama4rec::apps
