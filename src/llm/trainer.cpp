#include "llm/trainer.h"

#include <chrono>
#include <cmath>
#include <numbers>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/digest.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/random.h"
#include "llm/adamw.h"
#include "llm/batching.h"
#include "llm/engine/precision.h"
#include "llm/gradient_step.h"
#include "llm/training_state.h"

namespace llama4rec::llm {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Digest of the first epoch's texts.
std::string digest_of(const std::vector<TrainingText>& texts) {
  Digest digest(DigestKind::kSha256);
  for (const auto& text : texts) {
    digest.update(fmt::format("{} {}\n", text.segments.size(), text.end));
    for (std::size_t i = 0; i < text.segments.size(); ++i) {
      digest.update(fmt::format("{} {} ", text.segments[i].size(), i < text.learn.size() && text.learn[i]));
      digest.update(text.segments[i]);
    }
  }
  return digest.finish();
}

/// Identifies a run: a state of another one must not be taken for ours.
std::string run_key(const ModelConfig& config, const std::string& start_key, const TrainingOptions& options,
                    std::uint64_t seed, const std::vector<TrainingText>& first_texts) {
  return sha256(fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", config_to_json(config), start_key, options.epochs,
                            options.batch_tokens, options.learning_rate, options.minimum_learning_rate,
                            options.warmup_steps, options.weight_decay, options.clip_norm,
                            to_string(parse_precision(options.precision)), seed, digest_of(first_texts)));
}

/// The examples of an epoch, with what happened to them said once.
EncodedTexts examples_of(const std::vector<TrainingText>& texts, const Tokenizer& tokenizer, std::int64_t context,
                         bool tell) {
  auto encoded = encode_texts(texts, tokenizer, context);
  if (encoded.examples.empty()) throw DataError("the training text has nothing to learn");
  if (tell && encoded.shortened > 0) {
    log::warn("{} of {} training texts are longer than the context of {} tokens and lost {} of their oldest segments",
              encoded.shortened, texts.size(), context, encoded.dropped_segments);
  }
  if (tell && encoded.without_learned > 0) {
    log::warn("{} of {} training texts have nothing to learn and are left out", encoded.without_learned, texts.size());
  }
  return encoded;
}

}  // namespace

double learning_rate(const TrainingOptions& options, std::int64_t step, std::int64_t steps) {
  const auto warmup = std::min(options.warmup_steps, steps / 10);
  if (step <= warmup) return options.learning_rate * static_cast<double>(step) / static_cast<double>(warmup);
  const auto done = static_cast<double>(step - warmup) / static_cast<double>(std::max<std::int64_t>(1, steps - warmup));
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, done)));
  return options.learning_rate * (options.minimum_learning_rate + (1 - options.minimum_learning_rate) * cosine);
}

TrainingSummary train_model(Transformer& model, const Tokenizer& tokenizer, const std::string& start_key,
                            const TrainingSource& source, const TrainingOptions& options, std::uint64_t seed,
                            const TrainingHooks& hooks) {
  AdamW optimiser(model.parameters(), options.weight_decay);
  const bool mixed_precision = model.device().is_cpu() && parse_precision(options.precision) == Precision::kBfloat16;
  TrainingPosition position;
  const auto key_with = [&](const std::vector<TrainingText>& first_texts) {
    return run_key(model.config(), start_key, options, seed, first_texts);
  };
  std::string key;  // of the state; needs the texts of epoch 0
  if (!hooks.checkpoint.empty() && std::filesystem::exists(hooks.checkpoint)) {
    key = key_with(source(0));
    read_training_state(hooks.checkpoint, key, position, optimiser);
    log::info("training goes on after epoch {} of {}", position.next_epoch, options.epochs);
  }
  auto& summary = position.summary;
  while (position.next_epoch < options.epochs) {
    const auto start = Clock::now();
    const auto epoch = position.next_epoch;
    const auto texts = source(epoch);
    if (epoch == 0 && key.empty() && !hooks.checkpoint.empty()) key = key_with(texts);
    const auto encoded = examples_of(texts, tokenizer, model.config().context, epoch == 0);
    const auto plan = plan_batches(encoded.examples, options.batch_tokens, seed, epoch);
    const auto steps = summary.steps + (options.epochs - epoch) * static_cast<std::int64_t>(plan.size());
    double total_loss = 0;
    std::int64_t learned = 0;
    for (const auto& places : plan) {
      const auto step_start = Clock::now();
      const auto step = ++summary.steps;
      const auto done =
          accumulate_gradients(model, optimiser.parameters(), encoded.examples, places,
                               derived_seed(seed, "llm.step", {static_cast<std::uint64_t>(step)}), mixed_precision);
      const double loss = done.loss;
      const double norm = std::isfinite(loss) ? optimiser.clip(options.clip_norm) : loss;
      if (!std::isfinite(loss) || !std::isfinite(norm)) {
        throw DataError(
            fmt::format("the loss at step {} of {} (epoch {}) is not finite; lower the learning rate ({}) "
                        "or clip_norm ({})",
                        step, steps, epoch + 1, options.learning_rate, options.clip_norm));
      }
      optimiser.step(learning_rate(options, step, steps));
      total_loss += loss * static_cast<double>(done.learned);
      learned += done.learned;
      summary.tokens += done.read;
      if (hooks.on_step) {
        hooks.on_step({.epoch = epoch,
                       .step = step,
                       .steps = steps,
                       .loss = loss,
                       .tokens_per_second = static_cast<double>(done.read) / seconds_since(step_start)});
      }
      if (hooks.checkpoint.empty()) throw_if_interrupted("training");
    }
    summary.learned_tokens += learned;
    summary.losses.push_back(total_loss / static_cast<double>(learned));
    if (!hooks.validation.empty()) {
      summary.validation_losses.push_back(evaluate_model(model, tokenizer, hooks.validation));
    }
    ++position.next_epoch;
    summary.seconds += seconds_since(start);
    if (!hooks.checkpoint.empty() && position.next_epoch < options.epochs) {
      write_training_state(hooks.checkpoint, key, position, optimiser);
      throw_if_interrupted(fmt::format("training, epoch {} of {} done", position.next_epoch, options.epochs));
    }
  }
  return summary;
}

double evaluate_model(const Transformer& model, const Tokenizer& tokenizer, std::span<const TrainingText> texts) {
  constexpr std::int64_t kBatchTokens = 8192;
  const torch::NoGradGuard no_grad;
  const auto encoded = encode_texts(texts, tokenizer, model.config().context);
  if (encoded.examples.empty()) throw DataError("the validation text has nothing learned to measure");
  double total = 0;
  for (const auto& places : plan_batches(encoded.examples, kBatchTokens, 0, 0)) {
    const auto batch = make_batch(encoded.examples, places);
    const auto states = model.plain_states(batch.tokens.to(model.device()));
    const auto loss =
        model.loss(states.index_select(0, batch.sources.to(model.device())), batch.targets.to(model.device()));
    total += loss.item<double>() * static_cast<double>(batch.targets.size(0));
  }
  return total / static_cast<double>(encoded.learned_tokens);
}

}  // namespace llama4rec::llm
