#include <fmt/format.h>

#include <iostream>

#include "apps/data_command.h"
#include "data/load.h"
#include "data/statistics.h"

namespace llama4rec::apps {

void add_data_stats(CLI::App& data, Context& context) {
  auto* command =
      data.add_subcommand("stats", "Describe a data set: the paper's Table III, splits, ties, what was dropped");
  auto name = std::make_shared<std::string>();
  command->add_option("NAME", *name, "ml-100k, ml-1m, book-crossing, sample, or the folder of an imported data set")
      ->required();
  command->callback([&context, name] {
    const auto configuration = context.load_configuration();
    const auto loaded = data::load(*name, configuration.read<data::DataOptions>());
    const auto statistics = data::describe(loaded);
    if (context.json) {
      Context::print_json(data::to_json(statistics));
    } else {
      std::cout << data::to_table(statistics);
    }
  });
}

}  // namespace llama4rec::apps
