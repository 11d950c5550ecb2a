#include <algorithm>
#include <iostream>
#include <string>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "apps/commands.h"
#include "apps/dump_evaluation.h"
#include "core/log.h"
#include "core/text.h"
#include "data/load.h"

namespace llama4rec::apps {
namespace {

struct EvaluateFlags {
  std::string dataset;
  std::string task;
  std::string rankings;
  std::string predictions;
  std::string part = "test";
  std::string users;     // empty: as configured
  std::string protocol;  // empty: as configured
  std::string config;
};

data::Task task_of(const std::string& name) {
  if (name == "direct") return data::Task::kDirect;
  return name == "sequential" ? data::Task::kSequential : data::Task::kRating;
}

void check(const EvaluateFlags& flags) {
  const bool rating = flags.task == "rating";
  if (rating == flags.predictions.empty() || rating != flags.rankings.empty()) {
    throw UsageError(fmt::format("--task {} needs {} FILE and no {}", flags.task,
                                 rating ? "--predictions" : "--rankings", rating ? "--rankings" : "--predictions"));
  }
}

nlohmann::ordered_json metrics_json(const DumpEvaluation& result, const std::map<std::string, double>& metrics) {
  auto document = nlohmann::ordered_json::object();
  for (const auto& name : result.metric_names) document[name] = metrics.at(name);
  return document;
}

void print_json(const EvaluateFlags& flags, const DumpReference& reference, const DumpEvaluation& result) {
  auto segments = nlohmann::ordered_json::array();
  for (const auto& segment : result.segments) {
    segments.push_back({{"grouping", segment.grouping},
                        {"quintile", segment.quintile + 1},
                        {"minimum_count", segment.minimum_count},
                        {"maximum_count", segment.maximum_count},
                        {"users", segment.size},
                        {"metrics", metrics_json(result, segment.metrics)}});
  }
  Context::print_json({{"dataset", reference.dataset.name},
                       {"synthetic", reference.dataset.synthetic},
                       {"task", flags.task},
                       {"part", flags.part},
                       {"protocol", reference.options.protocol},
                       {"population", reference.options.users},
                       {"users", result.users},
                       {"ignored", result.ignored},
                       {"metrics", metrics_json(result, result.metrics)},
                       {"segments", segments}});
}

void print_row(const std::string& label, std::int64_t users, const DumpEvaluation& result,
               const std::map<std::string, double>& metrics) {
  std::cout << fmt::format("{:<34}{:>8}", label, text::with_thousands(users));
  for (const auto& name : result.metric_names) std::cout << fmt::format("{:>11.4f}", metrics.at(name));
  std::cout << '\n';
}

void print_table(const EvaluateFlags& flags, const DumpReference& reference, const DumpEvaluation& result) {
  std::cout << fmt::format("{}{}, {} recommendation, {} part, {} protocol, {} users\n\n", reference.dataset.name,
                           reference.dataset.synthetic ? " (synthetic)" : "", flags.task, flags.part,
                           reference.options.protocol, reference.options.users);
  std::cout << fmt::format("{:<34}{:>8}", "", "users");
  for (const auto& name : result.metric_names) std::cout << fmt::format("{:>11}", name);
  std::cout << '\n';
  print_row("all", result.users, result, result.metrics);
  for (const auto& segment : result.segments) {
    const auto label =
        fmt::format("{}, quintile {} ({} to {})", segment.grouping, segment.quintile + 1,
                    text::with_thousands(segment.minimum_count), text::with_thousands(segment.maximum_count));
    print_row(label, segment.size, result, segment.metrics);
  }
  std::cout << "\nQuintiles: users by their training interactions, items by the target's; 1 is the tail.\n";
}

void evaluate(Context& context, const EvaluateFlags& flags) {
  check(flags);
  auto configuration = context.load_configuration(flags.config);
  if (!flags.users.empty()) configuration.set("evaluation.users", flags.users, "--users");
  if (!flags.protocol.empty()) configuration.set("evaluation.protocol", flags.protocol, "--protocol");
  const auto options = configuration.read<evaluation::EvaluationOptions>();
  const auto loaded = data::load(flags.dataset, configuration.read<data::DataOptions>());
  const auto split = loaded.split(task_of(flags.task));

  const DumpReference reference{.dataset = loaded.dataset,
                                .split = split,
                                .part = flags.part == "test" ? data::Part::kTest : data::Part::kValidation,
                                .options = options};
  const auto result = flags.task == "rating" ? evaluate_predictions(reference, flags.predictions)
                                             : evaluate_rankings(reference, flags.rankings);
  if (result.ignored > 0) {
    log::info("{} users of the file have no target here and were left out", text::with_thousands(result.ignored));
  }
  if (std::all_of(result.metrics.begin(), result.metrics.end(), [](const auto& it) { return it.second == 0; })) {
    log::warn("no list holds its target: are these rankings of another part or data set? (--part {} was evaluated)",
              flags.part);
  }
  if (context.json) {
    print_json(flags, reference, result);
  } else {
    print_table(flags, reference, result);
  }
}

}  // namespace

void add_evaluate_command(CLI::App& program, Context& context) {
  auto* command = program.add_subcommand("evaluate", "Metrics of a rankings or predictions file against a split");
  auto flags = std::make_shared<EvaluateFlags>();
  command->add_option("--dataset", flags->dataset, "ml-100k, ml-1m, book-crossing, sample, or a folder")
      ->type_name("NAME-OR-DIR")
      ->required();
  command->add_option("--task", flags->task, "direct, sequential or rating")
      ->type_name("TASK")
      ->required()
      ->check(CLI::IsMember({"direct", "sequential", "rating"}));
  command->add_option("--rankings", flags->rankings, "TSV with the header user item rank score")->type_name("FILE");
  command->add_option("--predictions", flags->predictions, "TSV with the header user item prediction rating")
      ->type_name("FILE");
  command->add_option("--part", flags->part, "The part that the targets come from: test or validation")
      ->type_name("PART")
      ->check(CLI::IsMember({"test", "validation"}))
      ->capture_default_str();
  command->add_option("--users", flags->users, "all or warm; stands for evaluation.users")->type_name("WHO");
  command->add_option("--protocol", flags->protocol, "textbook or selfrec; stands for evaluation.protocol")
      ->type_name("NAME");
  command->add_option("--config", flags->config, "A YAML file to overlay")->type_name("FILE");
  command->callback([&context, flags] { evaluate(context, *flags); });
}

}  // namespace llama4rec::apps
