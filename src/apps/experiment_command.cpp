#include <iostream>
#include <memory>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "apps/commands.h"
#include "data/load.h"
#include "data/statistics.h"
#include "pipeline/attribute_agreement.h"
#include "pipeline/baselines.h"
#include "pipeline/dataset_table.h"
#include "pipeline/method_experiments.h"
#include "tensor/torch.h"

namespace llama4rec::apps {
namespace {

/// "selfrec:warm" -> protocol and users.
pipeline::EvaluationSetting parse_setting(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos) {
    throw UsageError(fmt::format("--settings: \"{}\", expected PROTOCOL:USERS such as textbook:all", text));
  }
  return {.protocol = text.substr(0, colon), .users = text.substr(colon + 1)};
}

/// The document, or its text and where the page is.
void print(const Context& context, const nlohmann::ordered_json& document, const std::string& text) {
  if (context.json) {
    Context::print_json(document);
  } else {
    std::cout << text << "\nreport: " << document.at("report").get<std::string>() << '\n';
  }
}

void add_baselines(CLI::App& group, Context& context) {
  struct Arguments {
    pipeline::BaselinePlan plan;
    std::vector<std::string> datasets = {"ml-100k"};
    std::vector<std::string> settings = {"textbook:all", "selfrec:warm"};
    std::string profiles = "configs";
    std::string directory = "runs/experiments/baselines";
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = group.add_subcommand("baselines", "Every conventional recommender, over seeds");
  command->add_option("--datasets", arguments->datasets, "Names or folders, separated by commas")->delimiter(',');
  command->add_option("--models", arguments->plan.models, "Recommenders, separated by commas; all by default")
      ->delimiter(',');
  command
      ->add_option("--settings", arguments->settings,
                   "PROTOCOL:USERS, separated by commas; textbook or selfrec, all or warm")
      ->delimiter(',');
  command->add_option("--repeats", arguments->plan.repeats, "Seeds, from --seed on")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000}));
  command->add_option("--profile", arguments->plan.profile, "Options of the models: tuned, reference or defaults")
      ->check(CLI::IsMember({"tuned", "reference", "defaults"}));
  command->add_option("--profiles", arguments->profiles, "Where profiles lie: DATASET/MODEL[-reference].yaml")
      ->type_name("DIR");
  command->add_option("--output", arguments->directory, "Where cells and tables are kept")->type_name("DIR");
  command->callback([&context, arguments] {
    const auto configuration = context.load_configuration();
    auto& plan = arguments->plan;
    plan.datasets = arguments->datasets;
    plan.settings.clear();
    for (const auto& setting : arguments->settings) plan.settings.push_back(parse_setting(setting));
    plan.profiles = arguments->profiles;
    plan.directory = arguments->directory;
    plan.seed = static_cast<std::uint64_t>(configuration.read<RuntimeOptions>().seed);
    const auto document = pipeline::run_baselines(plan, configuration, context.assignments, context.command_line);
    print(context, document, pipeline::baselines_markdown(document));
  });
}

void add_method(CLI::App& group, Context& context, const pipeline::MethodExperiment& experiment) {
  struct Arguments {
    pipeline::MethodPlan plan;
    std::string configuration;
    std::string other;
    std::string directory = "runs/experiments/method";
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = group.add_subcommand(experiment.name, experiment.description);
  command->add_option("--datasets", arguments->plan.datasets, "Names or folders, separated by commas")->delimiter(',');
  command->add_option("--models", arguments->plan.models, "Backbones, separated by commas")->delimiter(',');
  command->add_option("--repeats", arguments->plan.repeats, "Seeds, from --seed on")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000}));
  command
      ->add_option("--scale", arguments->plan.scale,
                   "small: the language model made on the spot; paper: the paper's sizes")
      ->check(CLI::IsMember({"small", "paper"}));
  command->add_option("--config", arguments->configuration, "A YAML file to overlay")->type_name("FILE");
  if (experiment.view == pipeline::ExperimentView::kDuel) {
    command
        ->add_option("--other", arguments->other,
                     "A YAML file with the other language model's options (llm.*, remote.*)")
        ->type_name("FILE");
  }
  command->add_option("--output", arguments->directory, "Where stages, runs and tables are kept")->type_name("DIR");
  command->callback([&context, &experiment, arguments] {
    const auto configuration = context.load_configuration(arguments->configuration);
    const auto runtime = configuration.read<RuntimeOptions>();
    auto& plan = arguments->plan;
    plan.directory = arguments->directory;
    plan.seed = static_cast<std::uint64_t>(runtime.seed);
    if (!arguments->other.empty()) {
      plan.other.emplace(configuration.shared_table());
      plan.other->load_yaml(arguments->other);
    }
    const auto document = pipeline::run_method_experiment(experiment, plan, configuration,
                                                          tensor::parse_device(runtime.device), context.command_line);
    print(context, document, pipeline::method_markdown(document));
  });
}

void add_agreement(CLI::App& group, Context& context) {
  struct Arguments {
    pipeline::AgreementPlan plan;
    std::string configuration;
    std::string judge;
    std::string verdicts;
    std::string directory = "runs/experiments/method";
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      group.add_subcommand("figure8", "Figure 8: generated attributes against a judge or a table of facts");
  command->add_option("--datasets", arguments->plan.datasets, "Names or folders, separated by commas")->delimiter(',');
  command->add_option("--items", arguments->plan.sample, "Items (users) drawn per data set")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
  command
      ->add_option("--judge", arguments->judge,
                   "A YAML file with the judging language model's options (llm.*, remote.*)")
      ->type_name("FILE");
  command->add_option("--verdicts", arguments->verdicts, "disagreements.csv with a person's verdicts: count them")
      ->type_name("FILE");
  command->add_option("--config", arguments->configuration, "A YAML file to overlay")->type_name("FILE");
  command->add_option("--output", arguments->directory, "Where stages and tables are kept")->type_name("DIR");
  command->callback([&context, arguments] {
    const auto configuration = context.load_configuration(arguments->configuration);
    const auto runtime = configuration.read<RuntimeOptions>();
    auto& plan = arguments->plan;
    plan.directory = arguments->directory;
    plan.verdicts = arguments->verdicts;
    plan.seed = static_cast<std::uint64_t>(runtime.seed);
    if (!arguments->judge.empty()) {
      plan.judge.emplace(configuration.shared_table());
      plan.judge->load_yaml(arguments->judge);
    }
    const auto document = pipeline::run_attribute_agreement(plan, configuration, tensor::parse_device(runtime.device),
                                                            context.command_line);
    print(context, document, pipeline::agreement_markdown(document));
  });
}

void add_statistics(CLI::App& group, Context& context) {
  struct Arguments {
    std::vector<std::string> datasets = {"ml-100k", "ml-1m", "book-crossing"};
    std::string directory = "runs/experiments/method";
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = group.add_subcommand("table3", "Table III: the data sets");
  command->add_option("--datasets", arguments->datasets, "Names or folders, separated by commas")->delimiter(',');
  command->add_option("--output", arguments->directory, "Where the table is kept")->type_name("DIR");
  command->callback([&context, arguments] {
    const auto configuration = context.load_configuration();
    std::vector<data::DatasetStatistics> statistics;
    for (const auto& name : arguments->datasets) {
      statistics.push_back(data::describe(data::load(name, configuration.read<data::DataOptions>())));
    }
    const auto document = pipeline::write_dataset_table(statistics, arguments->directory, context.command_line);
    print(context, document, data::to_comparison(statistics));
  });
}

}  // namespace

void add_experiment_command(CLI::App& program, Context& context) {
  auto* command = program.add_subcommand("experiment", "Tables over data sets, models and seeds, resumable");
  command->require_subcommand(1);
  add_baselines(*command, context);
  add_statistics(*command, context);
  for (const auto& experiment : pipeline::method_experiments()) add_method(*command, context, experiment);
  add_agreement(*command, context);
}

}  // namespace llama4rec::apps
