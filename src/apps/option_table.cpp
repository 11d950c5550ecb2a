#include "aggregation/aggregation_options.h"
#include "apps/command.h"
#include "data/load.h"
#include "evaluation/evaluation_options.h"
#include "recommenders/registry.h"

namespace llama4rec::apps {

std::shared_ptr<const config::OptionTable> build_option_table() {
  auto table = std::make_shared<config::OptionTable>();
  table->add<RuntimeOptions>();
  table->add<aggregation::AggregationOptions>();
  table->add<data::DataOptions>();
  table->add<evaluation::EvaluationOptions>();
  recommenders::add_options(*table);
  return table;
}

}  // namespace llama4rec::apps
