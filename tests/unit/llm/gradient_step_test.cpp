// Gradients of a step: the same whichever way they are computed, in one process and in several.
#include <atomic>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>
#include <torch/autograd.h>

#include "core/interrupt.h"
#include "core/random.h"
#include "llm/adamw.h"
#include "llm/engine/precision.h"
#include "llm/gradient_step.h"
#include "llm/lora/adapters.h"
#include "llm/parallel/parameter_units.h"
#include "llm/trainer.h"
#include "support/ranks.h"
#include "tensor/parallel/world.h"
#include "unit/llm/support.h"

namespace llama4rec::llm {
namespace {

using llama4rec::testing::as_ranks;
using tensor::World;
using ::testing::HasSubstr;
using testing::small_tokenizer;
using testing::TemporaryFolder;
using testing::tiny_config;
using testing::titles;
using testing::widen_weights;
using torch::Tensor;

constexpr std::int64_t kVocabulary = 29;

std::vector<TrainingExample> random_examples(std::size_t count) {
  RandomStream random(3, "examples");
  std::vector<TrainingExample> examples(count);
  for (auto& example : examples) {
    const auto length = 4 + random.below(12);
    for (std::uint64_t i = 0; i < length; ++i) {
      example.tokens.push_back(static_cast<Token>(random.below(kVocabulary)));
      example.learned.push_back(i > 0 && random.below(3) > 0);
    }
    example.learned.back() = true;
  }
  return examples;
}

std::vector<std::int64_t> all_places(const std::vector<TrainingExample>& examples) {
  std::vector<std::int64_t> places(examples.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = static_cast<std::int64_t>(i);
  return places;
}

/// By libtorch's own backward pass over one batch of everything.
std::vector<Tensor> expected_gradients(const Transformer& model, const LoraAdapters* adapters,
                                       const std::vector<TrainingExample>& examples, double& loss) {
  const auto batch = make_batch(examples, all_places(examples));
  const auto states = model.training_states(batch.tokens, {.adapters = adapters});
  const auto mean = model.loss(states.index_select(0, batch.sources), batch.targets);
  loss = mean.item<double>();
  std::vector<Tensor> weights;
  for (const auto& unit : training_units(model, adapters)) {
    for (const auto& [name, tensor] : unit.trainable) weights.push_back(tensor);
  }
  return torch::autograd::grad({mean}, weights, {}, c10::nullopt, false, true);
}

struct Way {
  const char* name;
  ZeroStage stage;
  bool checkpointing;
  std::int64_t accumulation;
};
constexpr Way kWays[] = {{"whole model", ZeroStage::kNothing, false, 1},
                         {"whole model in parts", ZeroStage::kOptimiserState, false, 3},
                         {"more parts than examples", ZeroStage::kNothing, false, 9},
                         {"recomputed", ZeroStage::kNothing, true, 1},
                         {"recomputed in parts", ZeroStage::kOptimiserState, true, 2},
                         {"gradients by block", ZeroStage::kGradients, false, 2},
                         {"weights by block", ZeroStage::kWeights, false, 2}};

class EveryWay : public ::testing::TestWithParam<std::tuple<Way, bool, bool>> {};

TEST_P(EveryWay, GivesTheGradientsOfAutograd) {
  const auto& [way, tied, low_rank] = GetParam();
  auto config = tiny_config(kVocabulary, 4, 2, tied);
  Transformer model(config, 5, torch::kCPU);
  widen_weights(model, 0.3, 11);
  std::unique_ptr<LoraAdapters> adapters;
  if (low_rank) {
    adapters = std::make_unique<LoraAdapters>(config, LoraOptions{.rank = 2, .dropout = 0}, 3, torch::kCPU);
    for (const auto& [name, tensor] : adapters->parameters()) {
      const torch::NoGradGuard no_grad;
      tensor.detach().add_(0.05 * torch::ones_like(tensor));
    }
  }
  const auto examples = random_examples(7);
  double expected_loss = 0;
  const auto expected = expected_gradients(model, adapters.get(), examples, expected_loss);
  const World alone;
  ParameterUnits units(training_units(model, adapters.get()), alone, way.stage);
  GradientStep step(model, adapters.get(), units, alone,
                    {.activation_checkpointing = way.checkpointing, .accumulation = way.accumulation});
  for (int round = 0; round < 2; ++round) {  // nothing is left of the first
    const auto result = step.compute(examples, all_places(examples), 1);
    EXPECT_NEAR(result.loss, expected_loss, 1e-5 * expected_loss);
    const auto parts = units.own_parts();
    ASSERT_EQ(parts.size(), expected.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      ASSERT_TRUE(expected[i].defined());
      const auto difference = (parts[i].gradient - expected[i].reshape({-1})).abs().max().item<double>();
      EXPECT_LT(difference, 1e-6 + 2e-5 * expected[i].abs().max().item<double>()) << parts[i].name << ", " << round;
    }
  }
  EXPECT_NEAR(step.total_loss(examples, all_places(examples)) /
                  static_cast<double>(step.compute(examples, all_places(examples), 1).learned),
              expected_loss, 1e-5 * expected_loss);
}

INSTANTIATE_TEST_SUITE_P(GradientStep, EveryWay,
                         ::testing::Combine(::testing::ValuesIn(kWays), ::testing::Bool(), ::testing::Bool()));

TEST(GradientStep, RecomputationKeepsTheMasksOfDropout) {
  auto config = tiny_config(kVocabulary, 4, 2, true);
  config.dropout = 0.3;
  const auto examples = random_examples(5);
  const World alone;
  const auto gradients = [&](ZeroStage stage, bool checkpointing, bool mixed, bool low_rank, std::uint64_t seed) {
    Transformer model(config, 5, torch::kCPU);
    widen_weights(model, 0.3, 11);
    std::unique_ptr<LoraAdapters> adapters;
    if (low_rank) {
      adapters = std::make_unique<LoraAdapters>(config, LoraOptions{.rank = 2, .dropout = 0.4}, 3, torch::kCPU);
      const torch::NoGradGuard no_grad;
      for (const auto& [name, tensor] : adapters->parameters()) tensor.detach().add_(0.05);
    }
    ParameterUnits units(training_units(model, adapters.get()), alone, stage);
    GradientStep step(model, adapters.get(), units, alone,
                      {.mixed_precision = mixed, .activation_checkpointing = checkpointing});
    (void)step.compute(examples, all_places(examples), seed);
    std::vector<Tensor> copies;
    for (const auto& part : units.own_parts()) copies.push_back(part.gradient.clone());
    return torch::cat(copies);
  };
  for (const bool mixed : {false, true}) {
    if (mixed && parse_precision("auto") != Precision::kBfloat16) continue;
    for (const bool low_rank : {false, true}) {
      const auto plain = gradients(ZeroStage::kNothing, false, mixed, low_rank, 8);
      const double largest = plain.abs().max().item<double>();
      for (const auto& [stage, checkpointing] :
           {std::pair{ZeroStage::kNothing, true}, {ZeroStage::kGradients, false}, {ZeroStage::kWeights, true}}) {
        const auto other = gradients(stage, checkpointing, mixed, low_rank, 8);
        EXPECT_LT((other - plain).abs().max().item<double>(), 1e-6 + 1e-5 * largest) << mixed << low_rank;
      }
      const auto other_masks = gradients(ZeroStage::kNothing, false, mixed, low_rank, 9);
      EXPECT_GT((other_masks - plain).abs().max().item<double>(), 0.01 * largest) << "dropout is at work";
    }
  }
}

std::vector<TrainingText> histories(std::int64_t epoch) {
  std::vector<TrainingText> texts;
  for (std::size_t user = 0; user < 11; ++user) {
    TrainingText text;
    for (std::size_t i = 0; i < 5 + user % 4; ++i) {
      text.segments.push_back(titles()[(user + i + static_cast<std::size_t>(epoch % 2)) % titles().size()]);
      text.learn.push_back(i > 1);
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

struct Trained {
  TrainingSummary summary;
  std::vector<Tensor> weights;
};

/// Trains a fresh model in float32 without dropout, as one of the world's processes; what the leading one has at the end.
Trained train(const World& world, int stage, bool low_rank, TrainingHooks hooks = {}) {
  auto config = tiny_config(small_tokenizer().vocabulary(), 4, 2, true);
  Transformer model(config, 5, torch::kCPU);
  TrainingOptions options{.epochs = 3, .batch_tokens = 60, .learning_rate = 5e-3, .warmup_steps = 5};
  options.precision = "float32";
  std::unique_ptr<LoraAdapters> adapters;
  if (low_rank) {
    options.method = "lora";
    options.lora = {.rank = 2, .dropout = 0};
    adapters = std::make_unique<LoraAdapters>(config, options.lora, 3, torch::kCPU);
  }
  hooks.world = &world;
  hooks.zero_stage = stage;
  hooks.validation = histories(1);
  Trained trained;
  trained.summary = train_model(model, adapters.get(), small_tokenizer(), "start", histories, options, 7, hooks);
  for (const auto& [name, tensor] : low_rank ? adapters->parameters() : model.parameters()) {
    trained.weights.push_back(tensor.detach().clone());
  }
  return trained;
}

void expect_same(const Trained& found, const Trained& expected) {
  ASSERT_EQ(found.summary.losses.size(), expected.summary.losses.size());
  for (std::size_t i = 0; i < expected.summary.losses.size(); ++i) {
    EXPECT_NEAR(found.summary.losses[i], expected.summary.losses[i], 1e-4);
    EXPECT_NEAR(found.summary.validation_losses[i], expected.summary.validation_losses[i], 1e-4);
  }
  EXPECT_EQ(found.summary.tokens, expected.summary.tokens);
  EXPECT_EQ(found.summary.learned_tokens, expected.summary.learned_tokens);
  ASSERT_EQ(found.weights.size(), expected.weights.size());
  for (std::size_t i = 0; i < expected.weights.size(); ++i) {
    // Adam divides small gradients by small numbers: rounding shows in single weights.
    EXPECT_LT((found.weights[i] - expected.weights[i]).norm().item<double>(),
              1e-3 * expected.weights[i].norm().item<double>() + 1e-3);
  }
}

TEST(Distributed, RefusesProcessesThatDoNotAgree) {
  // Two processes with other adapters: whichever speaks, both say so.
  std::atomic<int> refused = 0;
  try {
    as_ranks(2, [&](const World& world) {
      try {
        (void)train(world, 1, world.rank() == 1);
      } catch (const DataError& error) {
        EXPECT_THAT(error.what(), HasSubstr("rank 1 has other options, data, model and state than rank 0"));
        refused += 1;
        throw;
      }
    });
    FAIL();
  } catch (const DataError&) {
  }
  EXPECT_EQ(refused, 2);
}

class EveryStage : public ::testing::TestWithParam<std::tuple<int, int, bool>> {};

TEST_P(EveryStage, TrainsLikeOneProcess) {
  const auto [stage, size, low_rank] = GetParam();
  const auto expected = train(World(), 0, low_rank);
  Trained found;
  as_ranks(size, [&, stage = stage, low_rank = low_rank](const World& world) {
    auto trained = train(world, stage, low_rank);
    if (world.leads()) found = std::move(trained);
  });
  expect_same(found, expected);
}

INSTANTIATE_TEST_SUITE_P(Distributed, EveryStage,
                         ::testing::Combine(::testing::Range(0, 4), ::testing::Values(2, 4), ::testing::Bool()));

TEST(Distributed, ResumesInTheMiddleOfAnEpochAtAnotherNumberOfProcesses) {
  const auto expected = train(World(), 0, false);
  for (const auto& [first, second] : {std::pair{2, 3}, {3, 1}, {1, 4}}) {
    const TemporaryFolder folder;
    TrainingHooks hooks{.checkpoint = folder / "training.safetensors"};
    hooks.on_step = [](const TrainingStep& step) {
      if (step.step == 3) request_interrupt(true);
    };
    EXPECT_THROW(as_ranks(first, [&](const World& world) { (void)train(world, 2, false, hooks); }), InterruptedError);
    request_interrupt(false);
    ASSERT_TRUE(std::filesystem::exists(hooks.checkpoint));
    hooks.on_step = [](const TrainingStep& step) { EXPECT_GT(step.step, 3); };
    Trained found;
    as_ranks(second, [&](const World& world) {
      auto trained = train(world, 3, false, hooks);
      if (world.leads()) found = std::move(trained);
    });
    expect_same(found, expected);
  }
}

TEST(Distributed, ReleasesTheWeightsOfOtherBlocksAtStage3) {
  as_ranks(2, [](const World& world) {
    Transformer model(tiny_config(kVocabulary, 4, 2, true), 5, torch::kCPU);
    const auto before = model.blocks()[1].down.detach().clone();
    ParameterUnits units(training_units(model, nullptr), world, ZeroStage::kWeights);
    EXPECT_EQ(model.blocks()[1].down.numel(), 0);
    units.gather(2);
    EXPECT_EQ(model.blocks()[0].down.numel(), 0);
    EXPECT_TRUE(torch::equal(model.blocks()[1].down.detach(), before));
    units.release(2);
    EXPECT_EQ(model.blocks()[1].down.numel(), 0);
    std::int64_t own = 0;
    for (const auto& state : units.own_state()) own += state.weights.numel();
    std::int64_t all = 0;
    for (const auto& part : ParameterUnits(training_units(Transformer(model.config(), 5, torch::kCPU), nullptr),
                                           World(), ZeroStage::kNothing)
                                .own_parts()) {
      all += part.weight.numel();
    }
    EXPECT_NEAR(static_cast<double>(own), static_cast<double>(all) / 2, 0.1 * static_cast<double>(all));
  });
}

}  // namespace
}  // namespace llama4rec::llm
