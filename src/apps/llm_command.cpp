#include "apps/commands.h"
#include "apps/llm_commands.h"

namespace llama4rec::apps {

void add_llm_command(CLI::App& program, Context& context) {
  auto* group = program.add_subcommand("llm", "Make, tune and run the embedded language model");
  group->require_subcommand(1);
  add_llm_init_command(*group, context);
  add_llm_tune_command(*group, context);
  add_llm_merge_command(*group, context);
  add_llm_generate_command(*group, context);
  add_llm_score_command(*group, context);
  add_llm_serve_command(*group, context);
  add_llm_bench_command(*group, context);
}

}  // namespace llama4rec::apps
