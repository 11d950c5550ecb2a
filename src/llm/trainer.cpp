#include "llm/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <optional>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/digest.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/process_memory.h"
#include "core/random.h"
#include "core/seconds_since.h"
#include "llm/adamw.h"
#include "llm/batching.h"
#include "llm/bench/machine_peak.h"
#include "llm/bench/operations.h"
#include "llm/engine/precision.h"
#include "llm/gradient_step.h"
#include "llm/lora/adapters.h"
#include "llm/parallel/parameter_units.h"
#include "llm/training_state.h"
#include "tensor/parallel/world.h"

namespace llama4rec::llm {
namespace {

using Clock = std::chrono::steady_clock;

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
                    std::uint64_t seed, const std::vector<TrainingText>& first_texts,
                    const std::vector<TrainingText>& validation) {
  const auto& lora = options.lora;
  const auto method = options.method == "lora"
                          ? fmt::format("lora {} {} {} {}", lora.rank, lora.alpha, lora.dropout, lora.targets)
                          : options.method;
  return sha256(fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", config_to_json(config), start_key,
                            options.epochs, options.batch_tokens, options.learning_rate, options.minimum_learning_rate,
                            options.warmup_steps, options.weight_decay, options.clip_norm, options.accumulation,
                            to_string(parse_precision(options.precision)), method, seed, digest_of(first_texts),
                            validation.empty() ? std::string() : digest_of(validation)));
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

/// One run of `train_model`.
class TrainingRun {
 public:
  TrainingRun(Transformer& model, LoraAdapters* adapters, const Tokenizer& tokenizer, const TrainingSource& source,
              const TrainingOptions& options, std::uint64_t seed, const TrainingHooks& hooks)
      : model_(model),
        tokenizer_(tokenizer),
        source_(source),
        options_(options),
        seed_(seed),
        hooks_(hooks),
        world_(hooks.world == nullptr ? alone_ : *hooks.world),
        units_(training_units(model, adapters), world_, static_cast<ZeroStage>(hooks.zero_stage)),
        optimiser_(units_.own_parts(), options.weight_decay),
        step_(model, adapters, units_, world_,
              {.mixed_precision = model.device().is_cpu() && parse_precision(options.precision) == Precision::kBfloat16,
               .activation_checkpointing = options.activation_checkpointing,
               .accumulation = options.accumulation}) {}

  TrainingSummary run(const std::string& start_key);

 private:
  void read_state();
  [[nodiscard]] bool keeps_state() const { return !hooks_.checkpoint.empty(); }
  void epoch();
  void one_step(const EncodedTexts& encoded, std::span<const std::int64_t> places, std::int64_t steps);
  /// After a step: what one process was asked for, all do.
  void keep_state_where_due();
  [[nodiscard]] bool state_is_due() const;
  /// Of a step, for its share of the peak (with adapters: an upper bound).
  [[nodiscard]] double operations(const StepResult& done, std::size_t examples) const;
  void write_state();
  [[nodiscard]] double validation_loss();
  [[noreturn]] void stopped(const std::string& where) const;
  [[noreturn]] void lost(std::int64_t step, std::int64_t steps) const;

  Transformer& model_;
  const Tokenizer& tokenizer_;
  const TrainingSource& source_;
  const TrainingOptions& options_;
  std::uint64_t seed_;
  const TrainingHooks& hooks_;
  tensor::World alone_;
  const tensor::World& world_;
  ParameterUnits units_;
  AdamW optimiser_;
  GradientStep step_;
  std::string key_;  ///< of the state; needs the texts of epoch 0
  TrainingPosition position_;
  Clock::time_point counted_;   ///< until when `seconds` counts
  Clock::time_point kept_;      ///< when the state was written
  double writing_seconds_ = 0;  ///< how long that took
  double peak_ = 0;             ///< operations per second that the machine can do at most; 0: not known
  std::optional<EncodedTexts> validation_;
};

TrainingSummary TrainingRun::run(const std::string& start_key) {
  // What the weights took before they were shared out lies about in pieces.
  if (units_.stage() != ZeroStage::kNothing) release_free_memory();
  if (!hooks_.validation.empty()) {
    try {
      validation_ = encode_texts(hooks_.validation, tokenizer_, model_.config().context);
    } catch (const DataError& problem) {
      throw DataError(fmt::format("validation: {}", problem.what()));
    }
    if (validation_->examples.empty()) throw DataError("the validation text has nothing learned to measure");
  }
  if (keeps_state() || world_.size() > 1) {
    key_ = run_key(model_.config(), start_key, options_, seed_, source_(0), hooks_.validation);
    const bool resumes = keeps_state() && std::filesystem::exists(hooks_.checkpoint);
    world_.agree(
        fmt::format("{} {} {} {}", key_, resumes, static_cast<int>(units_.stage()), options_.activation_checkpointing),
        "options, data, model and state");
    if (resumes) read_state();
  }
  if (hooks_.on_step && model_.device().is_cpu() && world_.size() == 1) peak_ = estimate_peak();
  restart_peak_resident();
  counted_ = kept_ = Clock::now();
  while (position_.epoch < options_.epochs) epoch();
  position_.summary.peak_resident_bytes = peak_resident_bytes();
  units_.collect_weights();
  return position_.summary;
}

void TrainingRun::read_state() {
  read_training_state(hooks_.checkpoint, key_, position_, optimiser_, units_);
  // Nobody writes while somebody reads, and all have read the same.
  world_.agree(fmt::format("{} {} {}", position_.epoch, position_.batch, position_.summary.steps),
               "the training state");
  units_.share_weights();
  if (world_.leads()) {
    log::info("training goes on at step {} of epoch {} of {}", position_.batch + 1, position_.epoch + 1,
              options_.epochs);
  }
}

void TrainingRun::epoch() {
  const auto texts = source_(position_.epoch);
  const bool tell = position_.epoch == 0 && position_.batch == 0 && world_.leads();
  const auto encoded = examples_of(texts, tokenizer_, model_.config().context, tell);
  const auto plan = plan_batches(encoded.examples, options_.batch_tokens, seed_, position_.epoch);
  const auto steps = position_.summary.steps - position_.batch +
                     (options_.epochs - position_.epoch) * static_cast<std::int64_t>(plan.size());
  while (position_.batch < static_cast<std::int64_t>(plan.size())) {
    one_step(encoded, plan[static_cast<std::size_t>(position_.batch)], steps);
    ++position_.batch;
    if (position_.batch < static_cast<std::int64_t>(plan.size())) keep_state_where_due();
  }
  auto& summary = position_.summary;
  summary.learned_tokens += position_.learned;
  summary.losses.push_back(position_.total_loss / static_cast<double>(position_.learned));
  if (!hooks_.validation.empty()) summary.validation_losses.push_back(validation_loss());
  position_ = {.epoch = position_.epoch + 1, .summary = std::move(summary)};
  if (position_.epoch < options_.epochs) {
    keep_state_where_due();
  } else {
    position_.summary.seconds += seconds_since(counted_);
  }
}

void TrainingRun::one_step(const EncodedTexts& encoded, std::span<const std::int64_t> places, std::int64_t steps) {
  const auto start = Clock::now();
  auto& summary = position_.summary;
  const auto step = ++summary.steps;
  const auto done =
      step_.compute(encoded.examples, places, derived_seed(seed_, "llm.step", {static_cast<std::uint64_t>(step)}));
  const double loss = world_.sum(done.loss);
  const double squares = optimiser_.squared_norm();
  const double norm = std::sqrt(units_.parts_are_everything() ? squares : world_.sum(squares));
  if (!std::isfinite(loss) || !std::isfinite(norm)) lost(step, steps);
  if (options_.clip_norm > 0 && norm > options_.clip_norm) optimiser_.scale_gradients(options_.clip_norm / norm);
  optimiser_.step(learning_rate(options_, step, steps));
  units_.share_weights();
  position_.total_loss += loss * static_cast<double>(done.learned);
  position_.learned += done.learned;
  summary.tokens += done.read;
  if (hooks_.on_step) {
    const double seconds = seconds_since(start);
    hooks_.on_step({.epoch = position_.epoch,
                    .step = step,
                    .steps = steps,
                    .loss = loss,
                    .tokens_per_second = static_cast<double>(done.read) / seconds,
                    .share_of_peak = peak_ > 0 ? operations(done, places.size()) / seconds / peak_ : 0});
  }
}

double TrainingRun::operations(const StepResult& done, std::size_t examples) const {
  const auto tokens = static_cast<double>(done.read);
  return training_operations(model_.config(), tokens, tokens / static_cast<double>(examples),
                             static_cast<double>(done.learned));
}

void TrainingRun::keep_state_where_due() {
  // In one sum: 1 for a state that is due, a million for a stop.
  constexpr double kStop = 1e6;
  const double asked = world_.sum((state_is_due() ? 1.0 : 0.0) + (interrupt_requested() ? kStop : 0.0));
  if (asked == 0) return;
  if (keeps_state()) write_state();
  if (asked >= kStop) stopped(fmt::format("training, step {} done", position_.summary.steps));
}

void TrainingRun::stopped(const std::string& where) const {
  throw InterruptedError(
      fmt::format("interrupted {}; the same command {}", where, keeps_state() ? "resumes" : "starts over"));
}

bool TrainingRun::state_is_due() const {
  constexpr double kShareOfTime = 0.05;
  return keeps_state() &&
         seconds_since(kept_) >= std::max(options_.checkpoint_seconds, writing_seconds_ / kShareOfTime);
}

void TrainingRun::write_state() {
  position_.summary.seconds += seconds_since(counted_);
  counted_ = Clock::now();
  write_training_state(hooks_.checkpoint, key_, position_, optimiser_, units_, world_);
  kept_ = Clock::now();
  writing_seconds_ = std::chrono::duration<double>(kept_ - counted_).count();
}

double TrainingRun::validation_loss() {
  constexpr std::int64_t kBatchTokens = 8192;
  double total = 0;
  for (const auto& places : plan_batches(validation_->examples, kBatchTokens, 0, 0)) {
    total += step_.total_loss(validation_->examples, places);
  }
  return world_.sum(total) / static_cast<double>(validation_->learned_tokens);
}

void TrainingRun::lost(std::int64_t step, std::int64_t steps) const {
  throw DataError(
      fmt::format("the loss at step {} of {} (epoch {}) is not finite; lower the learning rate ({}) "
                  "or clip_norm ({})",
                  step, steps, position_.epoch + 1, options_.learning_rate, options_.clip_norm));
}

}  // namespace

double learning_rate(const TrainingOptions& options, std::int64_t step, std::int64_t steps) {
  const auto warmup = std::min(options.warmup_steps, steps / 10);
  if (step <= warmup) return options.learning_rate * static_cast<double>(step) / static_cast<double>(warmup);
  const auto done = static_cast<double>(step - warmup) / static_cast<double>(std::max<std::int64_t>(1, steps - warmup));
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, done)));
  return options.learning_rate * (options.minimum_learning_rate + (1 - options.minimum_learning_rate) * cosine);
}

TrainingSummary train_model(Transformer& model, LoraAdapters* adapters, const Tokenizer& tokenizer,
                            const std::string& start_key, const TrainingSource& source, const TrainingOptions& options,
                            std::uint64_t seed, const TrainingHooks& hooks) {
  return TrainingRun(model, adapters, tokenizer, source, options, seed, hooks).run(start_key);
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
