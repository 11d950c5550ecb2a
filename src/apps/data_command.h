// The subcommands of `data`, each in its file.
#pragma once

#include "apps/command.h"

namespace llama4rec::apps {

void add_data_fetch(CLI::App& data, Context& context);
void add_data_import(CLI::App& data, Context& context);
void add_data_stats(CLI::App& data, Context& context);
void add_data_sample(CLI::App& data, Context& context);

}  // namespace llama4rec::apps
