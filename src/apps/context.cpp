#include <iostream>

#include <llama4rec/error.h>

#include "apps/command.h"
#include "core/log.h"
#include "tensor/runtime.h"
#include "tensor/torch.h"

namespace llama4rec::apps {

void RuntimeOptions::declare(config::OptionVisitor& visit) {
  visit.option("seed", seed, config::at_least(0), "Start of all random streams; equal seeds give equal results.");
  visit.option("threads", threads, config::between(0, 1024), "Threads; 0 = all CPUs that the process may use.");
  visit.option("device", device, config::anything(), "Where tensors live: cpu, cuda, cuda:N or auto.");
}

Context::Context() : table_(build_option_table()) {}

config::Configuration Context::load_configuration(const std::string& yaml_file) {
  config::Configuration configuration(table_);
  if (!yaml_file.empty()) configuration.load_yaml(yaml_file);
  for (const auto& assignment : assignments) configuration.set(assignment);
  if (!seed_flag.empty()) configuration.set("seed", seed_flag, "--seed");
  if (!threads_flag.empty()) configuration.set("threads", threads_flag, "--threads");
  if (!device_flag.empty()) configuration.set("device", device_flag, "--device");
  const auto runtime = configuration.read<RuntimeOptions>();
  (void)tensor::parse_device(runtime.device);  // a wrong name is said now, not after hours
  tensor::configure_runtime(runtime.threads);
  log::debug("{}", tensor::runtime_description());
  return configuration;
}

void Context::print_json(const nlohmann::ordered_json& document) {
  // Text from data may be ill-formed; the document is valid UTF-8 all the same.
  std::cout << document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n' << std::flush;
  if (!std::cout) throw InternalError("standard output: cannot be written");
}

}  // namespace llama4rec::apps
