#include "apps/command.h"

namespace llama4rec::apps {

std::shared_ptr<const config::OptionTable> build_option_table() {
  auto table = std::make_shared<config::OptionTable>();
  table->add<RuntimeOptions>();
  return table;
}

}  // namespace llama4rec::apps
