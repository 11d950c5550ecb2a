#include "aggregation/aggregation_options.h"
#include "apps/command.h"
#include "augmentation/attribute_options.h"
#include "augmentation/preference_pairs.h"
#include "augmentation/sequence_insertions.h"
#include "data/load.h"
#include "evaluation/evaluation_options.h"
#include "llm/chat_template.h"
#include "llm/embedded_llm.h"
#include "llm/engine/engine_options.h"
#include "llm/parallel/distributed_options.h"
#include "llm/remote/remote_options.h"
#include "pipeline/run_options.h"
#include "prompts/instruction_fold.h"
#include "prompts/instructions.h"
#include "prompts/pretraining_text.h"
#include "prompts/prompt_options.h"
#include "recommenders/registry.h"
#include "service/serve_options.h"

namespace llama4rec::apps {

std::shared_ptr<const config::OptionTable> build_option_table() {
  auto table = std::make_shared<config::OptionTable>();
  table->add<RuntimeOptions>();
  table->add<aggregation::AggregationOptions>();
  table->add<augmentation::AttributeOptions>();
  table->add<augmentation::PairOptions>();
  table->add<augmentation::InsertionOptions>();
  table->add<data::DataOptions>();
  table->add<evaluation::EvaluationOptions>();
  table->add<llm::ModelOptions>();
  table->add<llm::ChatOptions>();
  table->add<llm::EngineOptions>();
  table->add<llm::PretrainingOptions>();
  table->add<llm::TuningOptions>();
  table->add<llm::DistributedOptions>();
  table->add<llm::RemoteOptions>();
  table->add<pipeline::RunOptions>();
  table->add<prompts::FoldOptions>();
  table->add<prompts::InstructionOptions>();
  table->add<prompts::PretrainingTextOptions>();
  table->add<prompts::PromptOptions>();
  table->add<service::ServeOptions>();
  recommenders::add_options(*table);
  return table;
}

}  // namespace llama4rec::apps
