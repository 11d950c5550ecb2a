// LAYERS: config
// Any text as a configuration file: either it is refused by a UsageError in one line, or what it says reads back from to_yaml().
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include <llama4rec/error.h>

#include "config/configuration.h"

namespace {

struct Options {
  bool flag = true;
  std::int64_t count = 1;
  double rate = 0.5;
  std::string name = "x";
  std::vector<double> numbers;
  std::vector<std::string> texts;
  void declare(llama4rec::config::OptionVisitor& visit) {
    visit.option("flag", flag, llama4rec::config::anything(), "A flag.");
    visit.option("a.count", count, llama4rec::config::between(0, 10), "A count.");
    visit.option("a.rate", rate, llama4rec::config::anything(), "A rate.");
    visit.option("a.b.name", name, llama4rec::config::anything(), "A name.");
    visit.option("a.b.numbers", numbers, llama4rec::config::at_least(0), "Numbers.");
    visit.option("c.texts", texts, llama4rec::config::anything(), "Texts.");
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using llama4rec::config::Configuration;
  auto table = std::make_shared<llama4rec::config::OptionTable>();
  table->add<Options>();
  const std::string text(reinterpret_cast<const char*>(data), size);
  Configuration configuration(table);
  try {
    configuration.load_yaml_text(text, "file.yaml");
  } catch (const llama4rec::UsageError&) {
    return 0;
  }
  Configuration again(table);
  again.load_yaml_text(configuration.to_yaml(), "again.yaml");
  (void)configuration.read<Options>();
  if (again.canonical() != configuration.canonical()) std::abort();
  return 0;
}
