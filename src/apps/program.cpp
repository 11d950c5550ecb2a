#include "apps/program.h"

#include <algorithm>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include <llama4rec/error.h>

#include "apps/command.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/text.h"

namespace llama4rec::apps {
namespace {

void add_global_flags(CLI::App& program, Context& context) {
  program.add_flag("--json", context.json, "One JSON document on stdout and nothing else there; no progress bars");
  program.add_option("--seed", context.seed_flag, "Start of all random streams")->type_name("N");
  program.add_option("--threads", context.threads_flag, "Threads; 0 = all CPUs that the process may use")
      ->type_name("N");
  program.add_option("--device", context.device_flag, "cpu, cuda, cuda:N or auto")->type_name("NAME");
  program.add_option("--set", context.assignments, "An option's value; may be repeated (see config options)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  program.add_option("--log-level", context.log_level, "trace, debug, info, warning, error or off")
      ->type_name("LEVEL")
      ->capture_default_str();
  program.set_version_flag("--version", "llama4rec " LLAMA4REC_VERSION, "The program's version");
  program.footer(
      "The options of the program (--json --seed --threads --device --set --log-level) may stand before or after the\n"
      "command. Exit status: 0 done, 2 wrong usage or configuration, 3 bad input data, 4 a remote service failed,\n"
      "5 an internal error, 130 interrupted.");
}

// Messages of libraries may go on for lines (libtorch adds its stack); the first one says it.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

int report(const std::string& message, ErrorCategory category) {
  std::cerr << "llama4rec: " << message << std::endl;
  return exit_status(category);
}

// The word that stands where a command's name should, or nothing.
std::string unknown_command(const CLI::App& program) {
  if (!program.get_subcommands().empty()) return "";
  const auto extras = program.remaining();
  return extras.empty() || extras.front().starts_with('-') ? "" : extras.front();
}

/// What to say about a word that is no command: the one that it looks like, else all.
std::string expected_commands(CLI::App& program, const std::string& word) {
  const auto commands = program.get_subcommands([](const CLI::App*) { return true; });
  const auto nearest = std::min_element(commands.begin(), commands.end(), [&](const CLI::App* a, const CLI::App* b) {
    return text::edit_distance(word, a->get_name()) < text::edit_distance(word, b->get_name());
  });
  if (nearest != commands.end() && 2 * text::edit_distance(word, (*nearest)->get_name()) <= word.size()) {
    return "the nearest is '" + (*nearest)->get_name() + "'";
  }
  std::vector<std::string> names;
  for (const CLI::App* command : commands) names.push_back(command->get_name());
  return "expected one of " + text::join(names, ", ");
}

int report_parse_error(CLI::App& program, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return program.exit(error);  // --help, --version
  const auto word = unknown_command(program);
  if (!word.empty()) {
    return report("unknown command '" + word + "'; " + expected_commands(program, word), ErrorCategory::kUsage);
  }
  return report(first_line(error.what()) + "; see llama4rec --help", ErrorCategory::kUsage);
}

}  // namespace

int run_program(int argument_count, char** arguments) {
  CLI::App program("Conventional recommenders and a large language model that help each other.", "llama4rec");
  try {
    install_interrupt_handlers();
    survive_file_size_limit();
    Context context;
    context.command_line = text::join({arguments, arguments + argument_count}, " ");
    program.fallthrough()->require_subcommand(1);
    add_global_flags(program, context);
    add_commands(program, context);
    program.parse_complete_callback([&context] {
      log::configure(context.log_level);
      Progress::silence(context.json);
    });
    program.parse(argument_count, arguments);
    return 0;
  } catch (const CLI::ParseError& error) {
    return report_parse_error(program, error);
  } catch (const Error& error) {
    return report(error.what(), error.category());
  } catch (const std::bad_alloc&) {
    return report("out of memory", ErrorCategory::kInternal);
  } catch (const std::exception& error) {
    return report("internal error: " + first_line(error.what()), ErrorCategory::kInternal);
  }
}

}  // namespace llama4rec::apps
