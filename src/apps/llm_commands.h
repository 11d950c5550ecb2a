// The subcommands of `llm`, one file each.
#pragma once

#include "apps/command.h"

namespace llama4rec::apps {

void add_llm_init_command(CLI::App& group, Context& context);
void add_llm_tune_command(CLI::App& group, Context& context);
void add_llm_merge_command(CLI::App& group, Context& context);
void add_llm_generate_command(CLI::App& group, Context& context);
void add_llm_score_command(CLI::App& group, Context& context);
void add_llm_serve_command(CLI::App& group, Context& context);
void add_llm_bench_command(CLI::App& group, Context& context);

}  // namespace llama4rec::apps
