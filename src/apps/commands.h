// The commands: each is one file NAME_command.cpp with one function that adds it to the program. Sorted by name.
#pragma once

#include "apps/command.h"

namespace llama4rec::apps {

void add_config_command(CLI::App& program, Context& context);
void add_data_command(CLI::App& program, Context& context);
void add_evaluate_command(CLI::App& program, Context& context);
void add_experiment_command(CLI::App& program, Context& context);
void add_llm_command(CLI::App& program, Context& context);
void add_report_command(CLI::App& program, Context& context);
void add_run_command(CLI::App& program, Context& context);
void add_train_command(CLI::App& program, Context& context);

}  // namespace llama4rec::apps
