// The options of the language model; declared in llm/model_options.h, llm/chat_template.h and llm/embedded_llm.h.
#include <string>

#include "llm/chat_template.h"
#include "llm/embedded_llm.h"

namespace llama4rec::llm {
namespace {

void declare_training(TrainingOptions& options, const std::string& prefix, config::OptionVisitor& visit) {
  visit.option(prefix + "batch_tokens", options.batch_tokens, config::between(16, 10'000'000),
               "Tokens per optimiser step.");
  visit.option(prefix + "learning_rate", options.learning_rate, config::between(0, 10), "Peak learning rate of AdamW.");
  visit.option(prefix + "minimum_learning_rate", options.minimum_learning_rate, config::between(0, 1),
               "End of the cosine schedule, as a share of the peak.");
  visit.option(prefix + "warmup_steps", options.warmup_steps, config::between(0, 1'000'000),
               "Steps over which the learning rate rises; at most a tenth of all steps are used.");
  visit.option(prefix + "weight_decay", options.weight_decay, config::between(0, 10),
               "Decoupled weight decay on matrices.");
  visit.option(prefix + "clip_norm", options.clip_norm, config::between(0, 1e6),
               "Largest norm of the gradient; 0 = no limit.");
  visit.option(prefix + "precision", options.precision, config::one_of({"auto", "float32", "bfloat16"}),
               "Numbers of the products; weights and sums are float32. auto: bfloat16 where the CPU multiplies it.");
  visit.option(prefix + "accumulation", options.accumulation, config::between(1, 100'000),
               "Parts that a step is computed in, one after the other: less memory.");
  visit.option(prefix + "activation_checkpointing", options.activation_checkpointing, config::anything(),
               "Computes every block again for its backward pass: less memory, a third more work.");
  visit.option(prefix + "checkpoint_seconds", options.checkpoint_seconds, config::between(0, 1e6),
               "How often the state is kept from which a killed training goes on; a stop is kept at once. At most a "
               "twentieth of the time is spent on it.");
}

}  // namespace

void ModelOptions::declare(config::OptionVisitor& visit) {
  visit.option("llm.hidden", hidden, config::between(2, 65536), "Width of the small language model.");
  visit.option("llm.intermediate", intermediate, config::between(1, 1'000'000), "Width of its feed-forward layers.");
  visit.option("llm.layers", layers, config::between(1, 1000), "Transformer layers.");
  visit.option("llm.heads", heads, config::between(1, 4096), "Attention heads; must divide the width.");
  visit.option("llm.key_value_heads", key_value_heads, config::between(1, 4096),
               "Key/value heads (grouped-query attention); must divide the heads.");
  visit.option("llm.context", context, config::between(8, 1'000'000), "Most tokens of prompt and answer together.");
  visit.option("llm.vocabulary", vocabulary, config::between(260, 10'000'000), "Most pieces of the tokeniser.");
  visit.option("llm.piece_length", piece_length, config::between(1, 1000),
               "Most characters of a piece; long enough, and a whole title is one token.");
  visit.option("llm.dropout", dropout, config::between(0, 0.95), "Dropout on embeddings and residual branches.");
  visit.option("llm.rope_theta", rope_theta, config::between(1, 1e12), "Base of the rotary embedding's wavelengths.");
}

void ChatOptions::declare(config::OptionVisitor& visit) {
  visit.option("llm.chat_template", chat_template, config::one_of({"saved", "none", "llama2", "llama3", "chatml"}),
               "How prompts to an instruction-tuned checkpoint are framed; saved: as the checkpoint was saved.");
  visit.option("llm.system_text", system_text, config::anything(),
               "What the chat template tells the model about its task; empty: nothing.");
}

void PretrainingOptions::declare(config::OptionVisitor& visit) {
  visit.option("pretraining.epochs", epochs, config::between(1, 100000), "Passes over the training text.");
  declare_training(*this, "pretraining.", visit);
}

TuningOptions::TuningOptions() {
  epochs = 2;
  batch_tokens = 4096;  // few of an instruction's tokens are learned
  learning_rate = 1e-3;
  warmup_steps = 20;
}

void TuningOptions::declare(config::OptionVisitor& visit) {
  visit.option("tuning.epochs", epochs, config::between(0, 100000),
               "Passes over the instructions; 0: a run's language model answers as it is, not tuned.");
  declare_training(*this, "tuning.", visit);
  visit.option("tuning.method", method, config::one_of({"full", "lora"}),
               "What learns: all weights, or low-rank adapters beside them.");
  lora.declare(visit);
}

}  // namespace llama4rec::llm
