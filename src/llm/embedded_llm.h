// The embedded language model: a LLaMA-architecture transformer with its tokeniser, trained and run in this process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <llama4rec/language_model.h>

#include "config/options.h"
#include "llm/answer_progress.h"
#include "llm/chat_template.h"
#include "llm/engine/engine_options.h"
#include "llm/lora/lora_options.h"
#include "llm/model_options.h"
#include "llm/training_text.h"
#include "tensor/torch.h"

namespace llama4rec::tensor {
class World;
}

namespace llama4rec::llm {

/// How a training run goes; declared twice, with the prefixes "pretraining." and "tuning.".
struct TrainingOptions {
  std::int64_t epochs = 40;
  /// Tokens per optimiser step, padding included. Small steps learn most per token read (ML-100K histories, four epochs:
  /// validation loss 5.05 with 1024, 5.78 with 2048, 6.56 with 8192 at the same cost).
  std::int64_t batch_tokens = 1024;
  double learning_rate = 4e-3;
  double minimum_learning_rate = 0.05;  ///< end of the cosine, as a share of learning_rate
  std::int64_t warmup_steps = 50;
  double weight_decay = 0.01;
  double clip_norm = 1.0;
  /// "float32", "bfloat16" (products; weights and sums stay float32), or "auto": bfloat16 where the CPU has it.
  std::string precision = "auto";
  std::int64_t accumulation = 1;          ///< parts that a step is computed in, one after the other
  bool activation_checkpointing = false;  ///< computes each block again for its backward pass
  double checkpoint_seconds = 60;         ///< how often the state is kept; where writing takes long, less often
  std::string method = "full";            ///< "full" or "lora"
  LoraOptions lora;
};
struct PretrainingOptions : TrainingOptions {
  void declare(config::OptionVisitor& visit);
};
struct TuningOptions : TrainingOptions {
  TuningOptions();
  void declare(config::OptionVisitor& visit);
};

/// What a step of training reports.
struct TrainingStep {
  std::int64_t epoch = 0;  ///< from 0
  std::int64_t step = 0;   ///< from 1
  std::int64_t steps = 0;  ///< of the whole run, as far as known
  double loss = 0;         ///< mean over the learned tokens, natural logarithm
  double tokens_per_second = 0;
  double share_of_peak =
      0;  ///< of the machine's largest rate of operations, measured when training begins; 0: not known
};

/// What a training run did; `losses` holds one value per epoch.
struct TrainingSummary {
  std::vector<double> losses;
  std::vector<double> validation_losses;
  std::int64_t steps = 0;
  std::int64_t tokens = 0;          ///< read
  std::int64_t learned_tokens = 0;  ///< counted in the loss
  double seconds = 0;
  std::int64_t peak_resident_bytes = 0;  ///< of this process while it trained; not part of a state
};

/// Where and how a training run keeps itself resumable and is watched.
struct TrainingHooks {
  std::function<void(const TrainingStep&)> on_step;
  /// Where not empty: the state (weights, optimiser, position) is kept here and an interrupted run goes on from it; the caller removes it when the model is saved. Losses and weights equal the uninterrupted run's bit by bit on the same machine and threads.
  std::filesystem::path checkpoint;
  std::vector<TrainingText> validation;
  /// Several processes that train one model, each with the same calls; none: this one alone. Sharing out (parameter_units.h): 0 to 3.
  const tensor::World* world = nullptr;
  int zero_stage = 0;
};

/// A continuation.
struct Generation {
  std::vector<std::int32_t> tokens;  ///< new ones, without the end token
  std::string text;
  std::vector<double> log_probabilities;  ///< one per token, before temperature and top_p
  bool ended = false;                     ///< by an end token
};

/// Trains a sentencepiece BPE tokeniser on weighted texts (titles by their training frequency) and writes `file`. Pieces may
/// span blanks, so that whole titles become one token; any byte stays encodable (byte fallback).
void train_tokenizer(std::span<const std::pair<std::string, std::int64_t>> weighted_texts, const ModelOptions& options,
                     std::uint64_t seed, const std::filesystem::path& file);

class Engine;

/// A language model in this process. Not thread-safe; libtorch uses the threads.
class EmbeddedLlm : public LanguageModel {
 public:
  /// Fresh weights from the seed, over the tokeniser in `tokenizer_file`.
  static std::unique_ptr<EmbeddedLlm> create(const std::filesystem::path& tokenizer_file, const ModelOptions& options,
                                             std::uint64_t seed, const torch::Device& device);
  /// Reads a folder that `save` or `save_adapters` wrote, or another checkpoint or adapters in the layouts of Hugging Face
  /// (docs/checkpoints.md); adapters are merged into their base, which `base` overrides. DataError names what is
  /// wrong; UsageError where the tokeniser lacks what the chat template needs.
  static std::unique_ptr<EmbeddedLlm> load(const std::filesystem::path& folder, const torch::Device& device,
                                           const ChatOptions& chat = {}, const std::filesystem::path& base = {});
  ~EmbeddedLlm() override;

  /// Writes the folder; every file atomically, config.json last.
  void save(const std::filesystem::path& folder) const;
  /// Whether the last training made adapters beside a checkpoint, so that they alone can be kept.
  [[nodiscard]] bool adapted() const;
  /// Writes the adapters in PEFT's layout; they name the checkpoint that was loaded.
  void save_adapters(const std::filesystem::path& folder) const;

  /// Cross-entropy on the learned tokens with AdamW, warm-up and cosine. The seed decides order and dropout. A loss that is
  /// not finite throws DataError with the step. Checks for interrupts at resumable points. With adapters ("lora") these learn, and are merged
  /// into the weights at the end.
  TrainingSummary train(const TrainingSource& source, const TrainingOptions& options, std::uint64_t seed,
                        const TrainingHooks& hooks);
  /// Mean loss over the learned tokens, without dropout.
  [[nodiscard]] double evaluate(std::span<const TrainingText> texts);

  /// UsageError where a request can never be answered; `prompt`: tokens that are read in place of its text.
  void check(const CompletionRequest& request, std::span<const std::int32_t> prompt) const;

  /// How to answer from now on: precision, memory.
  void set_engine(const EngineOptions& options);
  /// The engine over the present weights (a model on the CPU); training ends it.
  Engine& engine();

  [[nodiscard]] std::vector<Completion> complete(std::span<const CompletionRequest> requests,
                                                 const CompletionProgress& progress) override;
  /// On the CPU always: the engine's answers depend on the request alone, bit by bit.
  [[nodiscard]] bool answers_alone() const override;
  [[nodiscard]] std::vector<Completion> complete_each(std::span<const CompletionRequest> requests,
                                                      const CompletionArrival& arrived) override;
  [[nodiscard]] std::int64_t count_tokens(const std::string& segment) const override;
  [[nodiscard]] std::int64_t context_length() const override;
  [[nodiscard]] std::string fingerprint() const override;

  [[nodiscard]] std::int64_t parameters() const;
  /// log P(token | tokens before it), one per token after the first; in float32 by the plain decoder, whatever the engine's precision.
  [[nodiscard]] std::vector<double> score_tokens(std::span<const std::int32_t> tokens);
  [[nodiscard]] std::vector<std::int32_t> encode(const PromptText& prompt) const;
  /// Text of the tokens as valid UTF-8; ill-formed bytes become U+FFFD, control tokens are left out.
  [[nodiscard]] std::string decode(std::span<const std::int32_t> tokens) const;
  /// Goes on until an end token or `maximum_tokens`, or until `wrote`, which is told every token as it comes, has enough. On the CPU by
  /// the engine, so the answer is the same whoever looks on and whatever is asked beside it. UsageError when the context cannot hold
  /// that, and for a temperature on a GPU.
  [[nodiscard]] Generation generate(std::span<const std::int32_t> tokens, std::int64_t maximum_tokens,
                                    const Sampling& sampling = {}, const TokenArrival& wrote = {});

 private:
  struct State;
  explicit EmbeddedLlm(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace llama4rec::llm
