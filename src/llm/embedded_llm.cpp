#include "llm/embedded_llm.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/digest.h"
#include "core/interrupt.h"
#include "core/random.h"
#include "core/text.h"
#include "llm/checkpoint.h"
#include "llm/decoder.h"
#include "llm/decoder_request.h"
#include "llm/engine/engine.h"
#include "llm/lora/adapter_files.h"
#include "llm/sentencepiece_tokenizer.h"
#include "llm/tokenizer_files.h"
#include "llm/trainer.h"
#include "tensor/parallel/world.h"

namespace llama4rec::llm {
namespace {

/// Part of the fingerprint: raise it whenever the same weights may give other answers.
constexpr int kArithmeticVersion = 3;

/// Takes the engine's steps until a submitted text is there, or enough of it.
Generation write_out(Engine& engine, std::int64_t number, const TokenArrival& wrote) {
  // Whatever ends this function, the engine is rid of the request.
  const auto withdraw = [number](Engine* asked) { asked->cancel(number); };
  const std::unique_ptr<Engine, decltype(withdraw)> withdrawal(&engine, withdraw);
  Generation generation;
  for (;;) {
    throw_if_interrupted("writing a text", "begins anew");
    for (const auto& news : engine.step()) {
      if (news.request != number) continue;
      for (std::size_t i = 0; i < news.tokens.size(); ++i) {
        generation.tokens.push_back(news.tokens[i]);
        generation.log_probabilities.push_back(news.log_probabilities[i]);
        if (wrote && !wrote(news.tokens[i], news.log_probabilities[i])) return generation;
      }
      generation.ended = news.ended;
      if (news.answer) return generation;
    }
  }
}

}  // namespace

struct EmbeddedLlm::State {
  std::unique_ptr<Tokenizer> tokenizer;
  Transformer transformer;
  mutable std::string fingerprint{};  ///< empty until asked for, and after training
  EngineOptions engine_options{};
  std::filesystem::path origin{};            ///< the checkpoint whose weights these were; empty: none, or adapted ones
  std::unique_ptr<LoraAdapters> adapters{};  ///< of the last training, merged into the weights
  std::unique_ptr<Engine> engine{};          ///< made when it is first asked; gone when the weights change
};

EmbeddedLlm::EmbeddedLlm(std::unique_ptr<State> state) : state_(std::move(state)) {}
EmbeddedLlm::~EmbeddedLlm() = default;

std::unique_ptr<EmbeddedLlm> EmbeddedLlm::create(const std::filesystem::path& tokenizer_file,
                                                 const ModelOptions& options, std::uint64_t seed,
                                                 const torch::Device& device) {
  auto tokenizer = std::make_unique<SentencePieceTokenizer>(read_file(tokenizer_file), tokenizer_file.string());
  const auto config = make_config(options, tokenizer->vocabulary(), tokenizer->begin_token().value_or(0),
                                  {tokenizer->end_tokens().begin(), tokenizer->end_tokens().end()});
  Transformer transformer(config, seed, device);
  return std::unique_ptr<EmbeddedLlm>(new EmbeddedLlm(
      std::make_unique<State>(State{.tokenizer = std::move(tokenizer), .transformer = std::move(transformer)})));
}

std::unique_ptr<EmbeddedLlm> EmbeddedLlm::load(const std::filesystem::path& folder, const torch::Device& device,
                                               const ChatOptions& chat, const std::filesystem::path& base) {
  if (is_adapter_folder(folder)) {
    const auto adapter = read_adapter_config(folder);
    const auto& origin = base.empty() ? adapter.base : base;
    if (!std::filesystem::exists(origin / "config.json")) {
      throw DataError({.file = (folder / "adapter_config.json").string()},
                      fmt::format("the base model {} is not there (base_model_name_or_path)", origin.string()));
    }
    auto framing = adapter.chat;
    if (chat.chat_template != "saved") framing = chat;
    if (!chat.system_text.empty()) framing.system_text = chat.system_text;
    auto model = load(origin, device, framing);
    read_adapters(folder, adapter, model->state_->transformer.config(), device).merge_into(model->state_->transformer);
    model->state_->origin.clear();
    return model;
  }
  if (!base.empty()) throw UsageError(folder.string() + " holds a whole model: no base belongs to it");
  auto config = read_checkpoint_config(folder);
  if (chat.chat_template != "saved") {
    config.chat_template = chat.chat_template;
    config.system_text.clear();
  }
  if (!chat.system_text.empty()) {
    if (config.chat_template == "none") throw UsageError("llm.system_text needs a template: set llm.chat_template");
    config.system_text = chat.system_text;
  }
  auto tokenizer = load_tokenizer(folder, config);
  config.end_tokens.assign(tokenizer->end_tokens().begin(), tokenizer->end_tokens().end());  // a template's comes first
  auto transformer = read_checkpoint(folder, config, device);
  auto state = std::make_unique<State>(
      State{.tokenizer = std::move(tokenizer), .transformer = std::move(transformer), .origin = folder});
  return std::unique_ptr<EmbeddedLlm>(new EmbeddedLlm(std::move(state)));
}

void EmbeddedLlm::save(const std::filesystem::path& folder) const {
  write_checkpoint(folder, state_->transformer, *state_->tokenizer);
}

bool EmbeddedLlm::adapted() const { return state_->adapters != nullptr && !state_->origin.empty(); }

void EmbeddedLlm::save_adapters(const std::filesystem::path& folder) const {
  if (!adapted()) throw UsageError("there are no adapters beside a checkpoint to save");
  const auto& config = state_->transformer.config();
  write_adapters(folder, *state_->adapters, state_->origin,
                 {.chat_template = config.chat_template, .system_text = config.system_text});
}

TrainingSummary EmbeddedLlm::train(const TrainingSource& source, const TrainingOptions& options, std::uint64_t seed,
                                   const TrainingHooks& hooks) {
  const auto start = fingerprint();
  const auto forget = [&] {
    state_->fingerprint.clear();
    state_->engine.reset();
  };
  forget();
  // Weights that change, or that adapters have changed before, are no longer those of a checkpoint.
  if (options.method != "lora" || state_->adapters) state_->origin.clear();
  state_->adapters.reset();
  if (options.method == "lora") {
    state_->adapters = std::make_unique<LoraAdapters>(state_->transformer.config(), options.lora,
                                                      derived_seed(seed, "lora"), state_->transformer.device());
  }
  auto summary =
      train_model(state_->transformer, state_->adapters.get(), *state_->tokenizer, start, source, options, seed, hooks);
  if (state_->adapters && (hooks.world == nullptr || hooks.world->leads())) {
    state_->adapters->merge_into(state_->transformer);
  }
  forget();  // whoever watched may have asked
  return summary;
}

double EmbeddedLlm::evaluate(std::span<const TrainingText> texts) {
  return evaluate_model(state_->transformer, *state_->tokenizer, texts);
}

void EmbeddedLlm::check(const CompletionRequest& request, std::span<const std::int32_t> prompt) const {
  const auto& config = state_->transformer.config();
  if (!answers_alone() && request.sampling.temperature > 0) throw UsageError(kGreedyOnly);
  check_tokens(prompt, std::nullopt, config);
  (void)prepare_tokens(request, 0, *state_->tokenizer, config.context, {prompt.begin(), prompt.end()});
}

void EmbeddedLlm::set_engine(const EngineOptions& options) {
  state_->engine_options = options;
  state_->engine.reset();
  state_->fingerprint.clear();
}

Engine& EmbeddedLlm::engine() {
  if (!state_->engine) {
    state_->engine = std::make_unique<Engine>(state_->transformer, *state_->tokenizer, state_->engine_options);
  }
  return *state_->engine;
}

std::vector<Completion> EmbeddedLlm::complete(std::span<const CompletionRequest> requests,
                                              const CompletionProgress& progress) {
  if (!answers_alone()) {
    return complete_requests(state_->transformer, *state_->tokenizer, requests, DecoderOptions{}, progress);
  }
  std::int64_t answered = 0;
  return complete_each(requests, [&](std::size_t, const Completion&) {
    ++answered;
    if (progress) progress(answered);
  });
}

bool EmbeddedLlm::answers_alone() const { return state_->transformer.device().is_cpu(); }

std::vector<Completion> EmbeddedLlm::complete_each(std::span<const CompletionRequest> requests,
                                                   const CompletionArrival& arrived) {
  if (!answers_alone()) return LanguageModel::complete_each(requests, arrived);
  return engine().complete(requests, arrived);
}

std::int64_t EmbeddedLlm::count_tokens(const std::string& segment) const {
  return static_cast<std::int64_t>(state_->tokenizer->encode(segment).size());
}

std::int64_t EmbeddedLlm::context_length() const {
  // Whoever fills it counts one token before a prompt; a chat template has more.
  const auto& tokenizer = *state_->tokenizer;
  const auto frame = static_cast<std::int64_t>(tokenizer.prompt_begin().size() + tokenizer.prompt_end().size());
  return state_->transformer.config().context - std::max<std::int64_t>(0, frame - 1);
}

std::string EmbeddedLlm::fingerprint() const {
  if (state_->fingerprint.empty()) {
    Digest digest(DigestKind::kSha256);
    const bool own_kernels = state_->transformer.device().is_cpu();
    digest.update(fmt::format("arithmetic {} {}\n", kArithmeticVersion,
                              own_kernels ? to_string(parse_precision(state_->engine_options.precision)) : "libtorch"));
    digest.update(config_to_json(state_->transformer.config()));
    digest.update(state_->tokenizer->serialized());
    for (const auto& [name, tensor] : standard_tensors(state_->transformer)) {
      digest.update(name);
      digest.update({static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()});
    }
    state_->fingerprint = digest.finish();
  }
  return state_->fingerprint;
}

std::int64_t EmbeddedLlm::parameters() const {
  std::int64_t count = 0;
  for (const auto& [name, parameter] : state_->transformer.parameters()) count += parameter.numel();
  return count;
}

std::vector<double> EmbeddedLlm::score_tokens(std::span<const std::int32_t> tokens) {
  return score_token_sequence(state_->transformer, tokens);
}

std::vector<std::int32_t> EmbeddedLlm::encode(const PromptText& prompt) const {
  return state_->tokenizer->encode_prompt(prompt.segments);
}

Generation EmbeddedLlm::generate(std::span<const std::int32_t> tokens, std::int64_t maximum_tokens,
                                 const Sampling& sampling, const TokenArrival& wrote) {
  const auto& model = state_->transformer;
  Generation generation;
  if (answers_alone()) {
    check_tokens(tokens, maximum_tokens, model.config());
    const CompletionRequest request{
        .prompt = {}, .grammar = {}, .maximum_tokens = maximum_tokens, .sampling = sampling};
    generation = write_out(engine(), engine().submit(request, tokens), wrote);
  } else {
    if (sampling.temperature > 0) throw UsageError(kGreedyOnly);
    auto generated = generate_tokens(model, state_->tokenizer->vocabulary(), tokens, maximum_tokens, wrote);
    generation.tokens = std::move(generated.tokens);
    generation.log_probabilities = std::move(generated.log_probabilities);
    generation.ended = generated.ended;
  }
  generation.text = decode(generation.tokens);
  return generation;
}

std::string EmbeddedLlm::decode(std::span<const std::int32_t> tokens) const {
  return text::to_valid_utf8(state_->tokenizer->decode({tokens.begin(), tokens.end()}));
}

}  // namespace llama4rec::llm
