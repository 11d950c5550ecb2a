#include <fmt/format.h>
#include <iostream>

#include "apps/commands.h"
#include "config/option_value.h"
#include "config/options_markdown.h"
#include "config/yaml_reader.h"

namespace llama4rec::apps {
namespace {

nlohmann::ordered_json json_value(const config::OptionRow& row, const config::ConfiguredValue& value) {
  if (row.type == "text") return value.text;
  if (row.type == "list of texts") return value.items;
  return nlohmann::ordered_json::parse(config::normal_form(row, value).value());  // numbers and booleans read as JSON
}

void show(Context& context, const std::string& file) {
  const auto configuration = context.load_configuration(file);
  if (!context.json) {
    std::cout << configuration.to_yaml();
    return;
  }
  auto document = nlohmann::ordered_json::object();
  for (const auto& [name, row] : configuration.table().rows()) {
    const auto* configured = configuration.find(name);
    const auto value = configured == nullptr ? config::default_of(row) : *configured;
    document[name] = {{"value", json_value(row, value)}, {"origin", value.origin}};
  }
  Context::print_json(document);
}

void list_as_json(const config::OptionTable& table) {
  auto document = nlohmann::ordered_json::array();
  for (const auto& [name, row] : table.rows()) {
    document.push_back({{"name", name},
                        {"type", row.type},
                        {"default", json_value(row, config::default_of(row))},
                        {"allowed", config::constraint_text(row)},
                        {"description", row.description},
                        {"paper", row.paper}});
  }
  Context::print_json(document);
}

void list(const Context& context, bool markdown) {
  if (context.json) {
    list_as_json(*context.table());
  } else if (markdown) {
    std::cout << config::options_markdown(*context.table());
  } else {
    for (const auto& [name, row] : context.table()->rows()) {
      std::cout << fmt::format("{}: {} (default {})\n    {}\n", name, config::expectation(row), row.default_value,
                               row.description);
    }
  }
}

}  // namespace

void add_config_command(CLI::App& program, Context& context) {
  auto* command = program.add_subcommand("config", "Show the effective configuration, list the options");
  command->require_subcommand(1);

  auto* show_command = command->add_subcommand("show", "Print every option with the value in force, as YAML");
  auto file = std::make_shared<std::string>();
  show_command->add_option("--config", *file, "A YAML file to overlay")->type_name("FILE");
  show_command->callback([&context, file] { show(context, *file); });

  auto* options_command = command->add_subcommand("options", "List every option");
  auto markdown = std::make_shared<bool>(false);
  options_command->add_flag("--markdown", *markdown, "As docs/options.md");
  options_command->callback([&context, markdown] { list(context, *markdown); });
}

}  // namespace llama4rec::apps
