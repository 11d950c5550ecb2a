#include "apps/data_command.h"

#include "apps/commands.h"

namespace llama4rec::apps {

void add_data_command(CLI::App& program, Context& context) {
  auto* data = program.add_subcommand("data", "Get, convert, describe and synthesise data sets");
  data->require_subcommand(1);
  add_data_fetch(*data, context);
  add_data_import(*data, context);
  add_data_stats(*data, context);
  add_data_sample(*data, context);
}

}  // namespace llama4rec::apps
