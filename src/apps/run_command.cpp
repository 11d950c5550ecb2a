#include <cstdio>

#include <fmt/format.h>

#include "apps/command.h"
#include "apps/commands.h"
#include "core/log.h"
#include "pipeline/language_model_note.h"
#include "pipeline/run.h"
#include "tensor/torch.h"

namespace llama4rec::apps {
namespace {

void print_result(const pipeline::RunSetup& setup, const pipeline::RunResult& result, bool controls) {
  const Dataset& dataset = setup.dataset();
  std::string labels;
  if (dataset.synthetic) labels += ", synthetic data";
  if (!setup.run.profile.empty()) labels += ", " + setup.run.profile + " profile";
  fmt::print("\n{} on {}{}: {} test users, protocol {}, {} seed(s)\n\n", setup.run.backbone, dataset.name, labels,
             result.table.users.size(), setup.evaluation.protocol, setup.run.repeats);
  fmt::print("{}", to_text(result.table, controls));
  fmt::print("\n{}", pipeline::language_model_sentence(result.document.at("language_model")));
  fmt::print("\nreport: {}\n", result.report.string());
}

}  // namespace

void add_run_command(CLI::App& program, Context& context) {
  struct Arguments {
    std::string configuration;
    bool controls = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("run", "Run the whole method: Base, IFT, Llama4Rec, tests, report");
  command->add_option("config", arguments->configuration, "YAML file of options")->required();
  command->add_flag("--all-rows", arguments->controls, "Print every row, with the controls");
  command->callback([&context, arguments] {
    const config::Configuration configuration = context.load_configuration(arguments->configuration);
    const auto runtime = configuration.read<RuntimeOptions>();
    const pipeline::RunSetup setup(configuration, pipeline::obtain_data(configuration),
                                   tensor::parse_device(runtime.device));
    const auto result = pipeline::run_method(setup, static_cast<std::uint64_t>(runtime.seed), context.command_line);
    if (context.json) {
      Context::print_json(result.document);
    } else {
      print_result(setup, result, arguments->controls);
    }
  });
}

}  // namespace llama4rec::apps
