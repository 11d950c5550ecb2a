// What every command shares. A command is one file NAME_command.cpp with one function that adds it to the program.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "config/configuration.h"

namespace llama4rec::apps {

/// Options of the whole program, also reachable as `--seed`, `--threads`, `--device`.
struct RuntimeOptions {
  std::int64_t seed = 1;
  std::int64_t threads = 0;
  std::string device = "cpu";
  void declare(config::OptionVisitor& visit);
};

/// The state that commands share. Its configuration is complete when a command's callback runs: defaults, then the
/// command's YAML file (`load_configuration`), then `--set` and flags.
class Context {
 public:
  Context();

  bool json = false;                     ///< `--json`: one JSON document on stdout and nothing else there
  std::vector<std::string> assignments;  ///< every `--set key=value`, in order
  std::string log_level = "info";
  std::string command_line;  ///< the words of the command line, for manifests

  /// Defaults + the YAML file (where not empty) + `--set` + the global flags. Starts libtorch's runtime.
  config::Configuration load_configuration(const std::string& yaml_file = "");
  /// All options of all modules.
  [[nodiscard]] const std::shared_ptr<const config::OptionTable>& table() const { return table_; }
  /// Prints the command's one JSON document.
  static void print_json(const nlohmann::ordered_json& document);

  std::string seed_flag;     ///< as given on the command line, empty = not given; checked like every option
  std::string threads_flag;  ///< likewise
  std::string device_flag;   ///< likewise

 private:
  std::shared_ptr<const config::OptionTable> table_;
};

/// Every module's options, in one place: apps/option_table.cpp has one `table->add<...>()` line per module.
std::shared_ptr<const config::OptionTable> build_option_table();

/// Adds every command, in the order of `--help`: apps/commands.cpp has one line per command.
void add_commands(CLI::App& program, Context& context);

}  // namespace llama4rec::apps
