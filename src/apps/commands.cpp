#include "apps/commands.h"

namespace llama4rec::apps {

void add_commands(CLI::App& program, Context& context) {
  // In the order of --help.
  add_data_command(program, context);
  add_config_command(program, context);
  add_evaluate_command(program, context);
  add_experiment_command(program, context);
  add_llm_command(program, context);
  add_report_command(program, context);
  add_run_command(program, context);
  add_train_command(program, context);
}

}  // namespace llama4rec::apps
