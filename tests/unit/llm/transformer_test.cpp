// The transformer against an independent scalar float64 implementation, and its fused operations against composed ones.
#include "llm/transformer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/random.h"
#include "llm/batching.h"
#include "llm/checkpoint.h"
#include "llm/decoder.h"
#include "llm/layers.h"
#include "unit/llm/reference_llama.h"
#include "unit/llm/support.h"

namespace llama4rec::llm {
namespace {

using testing::ReferenceLlama;
using testing::tiny_config;
using testing::widen_weights;
using torch::Tensor;

std::vector<Token> random_tokens(std::int64_t count, std::int64_t vocabulary, std::uint64_t seed) {
  RandomStream random(seed, "tokens");
  std::vector<Token> tokens;
  for (std::int64_t i = 0; i < count; ++i) {
    tokens.push_back(static_cast<Token>(random.below(static_cast<std::uint64_t>(vocabulary))));
  }
  return tokens;
}

struct Shape {
  std::int64_t heads;
  std::int64_t key_value_heads;
  bool tied;
  std::int64_t length;
  bool bias = false;
  RotaryScaling scaling = {};

  [[nodiscard]] ModelConfig config(std::int64_t vocabulary) const {
    auto result = tiny_config(vocabulary, heads, key_value_heads, tied);
    result.query_key_value_bias = bias;
    result.rope_scaling = scaling;
    return result;
  }
};

class AnyShape : public ::testing::TestWithParam<Shape> {};

INSTANTIATE_TEST_SUITE_P(Transformer, AnyShape,
                         ::testing::Values(Shape{1, 1, true, 7}, Shape{4, 4, false, 9}, Shape{4, 2, true, 12},
                                           Shape{6, 1, false, 5}, Shape{2, 1, true, 140}, Shape{4, 2, true, 11, true},
                                           // Wavelengths of 6.3, 63, 628, ...: kept, blended and stretched ones.
                                           Shape{2, 1, false, 60, true, {8, 1, 4, 128}}));

TEST_P(AnyShape, GivesTheLogProbabilitiesOfAScalarImplementation) {
  const auto& shape = GetParam();
  const auto config = shape.config(37);
  Transformer model(config, 5, torch::kCPU);
  widen_weights(model, 0.3, 11);
  const auto tensors = standard_tensors(model);
  const auto tokens = random_tokens(shape.length, config.vocabulary, 2);
  const auto expected = ReferenceLlama(config, tensors).score(tokens);
  const auto scores = score_token_sequence(model, tokens);
  ASSERT_EQ(scores.size(), expected.size());
  for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_NEAR(scores[i], expected[i], 2e-4) << i;
}

TEST_P(AnyShape, TrainsAndReadsWithTheSameArithmetic) {
  const auto& shape = GetParam();
  const auto config = shape.config(37);
  Transformer model(config, 5, torch::kCPU);
  widen_weights(model, 0.3, 12);
  const auto tokens = random_tokens(shape.length, config.vocabulary, 3);
  const auto wide = std::vector<std::int64_t>(tokens.begin(), tokens.end());
  const auto states = model.plain_states(torch::tensor(wide).narrow(0, 0, shape.length - 1).view({1, -1}));
  const auto loss = model.loss(states, torch::tensor(wide).narrow(0, 1, shape.length - 1)).item<double>();
  double expected = 0;
  for (const double score : ReferenceLlama(config, standard_tensors(model)).score(tokens)) expected -= score;
  EXPECT_NEAR(loss, expected / static_cast<double>(shape.length - 1), 1e-4);
}

/// Loss of two right-padded rows with some learned positions, and the gradients of all weights.
double loss_and_gradients(const Transformer& model, const TrainingBatch& batch, std::vector<Tensor>* gradients,
                          std::uint64_t dropout_seed = 9) {
  const auto states = model.training_states(batch.tokens, {.dropout_seed = dropout_seed});
  auto loss = model.loss(states.index_select(0, batch.sources), batch.targets);
  if (gradients != nullptr) {
    loss.backward();
    for (auto [name, weight] : model.parameters()) {
      gradients->push_back(weight.grad().clone());
      weight.mutable_grad() = Tensor();
    }
  }
  return loss.item<double>();
}

TrainingBatch two_examples(std::int64_t vocabulary) {
  std::vector<TrainingExample> examples;
  for (const std::int64_t length : {13, 8}) {
    TrainingExample example{.tokens = random_tokens(length, vocabulary, static_cast<std::uint64_t>(length)),
                            .learned = std::vector<bool>(static_cast<std::size_t>(length), false)};
    for (std::size_t i = 3; i < example.learned.size(); i += 2) example.learned[i] = true;
    examples.push_back(std::move(example));
  }
  const std::vector<std::int64_t> places{0, 1};
  return make_batch(examples, places);
}

TEST_P(AnyShape, HasTheGradientsOfItsLoss) {
  const auto& shape = GetParam();
  auto config = shape.config(23);
  config.dropout = 0.25;  // a fixed mask: the loss stays a smooth function
  Transformer model(config, 5, torch::kCPU);
  widen_weights(model, 0.3, 13);
  const auto batch = two_examples(config.vocabulary);
  std::vector<Tensor> gradients;
  loss_and_gradients(model, batch, &gradients);
  RandomStream random(4, "places");
  const torch::NoGradGuard no_grad;
  const auto parameters = model.parameters();
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const auto& [name, weight] = parameters[p];
    // Along a random direction the loss changes by step * <gradient, direction>: one check covers all elements.
    const auto original = weight.detach().clone();
    auto direction = torch::empty_like(original);
    for (std::int64_t i = 0; i < direction.numel(); ++i) {
      direction.data_ptr<float>()[i] = static_cast<float>(random.normal());
    }
    direction /= direction.norm();
    const double step = 2e-2;
    weight.detach().copy_(original + step * direction);
    const double above = loss_and_gradients(model, batch, nullptr);
    weight.detach().copy_(original - step * direction);
    const double below = loss_and_gradients(model, batch, nullptr);
    weight.detach().copy_(original);
    const double expected = (above - below) / (2 * step);
    const double slope = (gradients[p] * direction).sum().item<double>();
    EXPECT_NEAR(slope, expected, 1e-3 + 0.02 * std::abs(expected)) << name;
  }
}

TEST_P(AnyShape, FusedOperationsAgreeWithComposedOnesInValueAndGradient) {
  const auto& shape = GetParam();
  auto config = shape.config(23);
  config.dropout = 0.25;
  Transformer model(config, 5, torch::kCPU);
  widen_weights(model, 0.3, 14);
  const auto batch = two_examples(config.vocabulary);
  std::vector<Tensor> fused;
  std::vector<Tensor> composed;
  const double fused_loss = loss_and_gradients(model, batch, &fused);
  {
    const ComposedOperations guard;
    EXPECT_NEAR(loss_and_gradients(model, batch, &composed), fused_loss, 1e-5);
  }
  for (std::size_t i = 0; i < fused.size(); ++i) {
    const double scale = composed[i].abs().max().item<double>();
    EXPECT_LT((fused[i] - composed[i]).abs().max().item<double>(), 1e-5 + 1e-4 * scale) << model.parameters()[i].first;
  }
}

/// Values that bfloat16 holds exactly: products of such are exact, and only the order of float32 sums is left.
Tensor coarse(const Tensor& values) { return values.to(torch::kBFloat16).to(torch::kFloat32); }

TEST(MixedLinear, MultipliesAndDifferentiatesInBfloat16) {
  torch::manual_seed(3);
  for (const auto& [rows, in, out] : {std::tuple<int, int, int>{1, 5, 3}, {7, 33, 70}, {131, 64, 96}}) {
    auto x = coarse(torch::randn({rows, in})).requires_grad_();
    auto w = coarse(torch::randn({out, in})).requires_grad_();
    const auto weights = coarse(torch::randn({rows, out}));
    const MixedWeight copies(w);
    const auto y = mixed_linear(x, w, copies);
    (y * weights).sum().backward();
    const auto dx = x.grad().clone();
    const auto dw = w.grad().clone();
    const double tolerance = 1e-5 * std::sqrt(static_cast<double>(std::max({rows, in, out})));
    EXPECT_LT((y - torch::mm(x, w.t())).abs().max().item<double>(), tolerance);
    EXPECT_LT((dx - torch::mm(weights, w)).abs().max().item<double>(), tolerance);
    EXPECT_LT((dw - torch::mm(weights.t(), x)).abs().max().item<double>(), tolerance);
  }
}

TEST_P(AnyShape, MixedPrecisionStaysCloseToFloat32InValueAndGradient) {
  auto config = GetParam().config(23);
  config.dropout = 0.25;
  Transformer model(config, 5, torch::kCPU);
  widen_weights(model, 0.15, 14);
  const auto batch = two_examples(config.vocabulary);
  std::vector<Tensor> exact;
  const double exact_loss = loss_and_gradients(model, batch, &exact);
  std::vector<Tensor> weights;
  for (const auto& [name, parameter] : model.parameters()) weights.push_back(parameter);
  const auto copies = model.mixed_weights();
  const auto states = model.training_states(batch.tokens, {.dropout_seed = 9, .mixed = &copies});
  const auto loss = model.loss(states.index_select(0, batch.sources), batch.targets, &copies.head);
  EXPECT_NEAR(loss.item<double>(), exact_loss, 0.02 * exact_loss);
  EXPECT_NE(loss.item<double>(), exact_loss);
  const auto gradients = torch::autograd::grad({loss}, weights);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double difference = (gradients[i] - exact[i]).norm().item<double>();
    EXPECT_LT(difference, 0.04 * exact[i].norm().item<double>() + 1e-4) << model.parameters()[i].first;
  }
}

TEST(Transformer, AttendsAcrossBlocksOfQueriesLikeTheComposedForm) {
  const HeadLayout layout{.heads = 4, .key_value_heads = 2, .dimension = 6};
  const RotaryTable rotary(400, 6, 10000, {}, torch::kCPU);
  torch::manual_seed(1);
  const std::int64_t length = 300;
  auto qkv = torch::randn({2 * length, layout.joint_size()}).requires_grad_();
  const auto weights = torch::randn({2 * length, layout.query_size()});
  (causal_attention(qkv, 2, length, layout, rotary) * weights).sum().backward();
  const auto fused = qkv.grad().clone();
  qkv.mutable_grad() = Tensor();
  const ComposedOperations guard;
  (causal_attention(qkv, 2, length, layout, rotary) * weights).sum().backward();
  EXPECT_LT((fused - qkv.grad()).abs().max().item<double>(), 2e-4);
}

/// Relative distance of two tensors.
double distance(const Tensor& a, const Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); }

/// Lengths around whole panels of keys, grouped heads, a bias, dropout, and a hidden size that is no whole panel.
TEST(Transformer, BlocksInBfloat16StayCloseToFloat32OverLongSequences) {
  for (const std::int64_t length : {1, 2, 31, 32, 33, 64, 95, 150}) {
    auto config = tiny_config(23, 4, 2, true);
    config.hidden = 40;
    config.intermediate = 54;
    config.context = 200;
    config.query_key_value_bias = true;
    Transformer model(config, 5, torch::kCPU);
    widen_weights(model, 0.3, 15);
    torch::manual_seed(length);
    const SequenceShape shape{.batch = 3, .length = length};
    config.dropout = 0.25;
    const TrainingPass pass{.dropout_seed = 7};
    std::vector<Tensor> asked{torch::randn({3 * length, config.hidden}).requires_grad_()};
    const auto& w = model.blocks()[0];
    for (const auto& weight : {w.attention_norm, w.query_key_value, w.query_key_value_bias, w.attention_output,
                               w.feed_forward_norm, w.gate_up, w.down}) {
      asked.push_back(weight);
    }
    const auto weights = torch::randn({3 * length, config.hidden});
    const auto copies = model.mixed_block(0);
    const auto run = [&](const MixedBlock* mixed) {
      const auto y = model.block_states(0, asked[0], shape, pass, mixed);
      auto result = torch::autograd::grad({(y * weights).sum()}, asked);
      result.push_back(y.detach());
      return result;
    };
    const auto exact = run(nullptr);
    const auto mixed = run(&copies);
    for (std::size_t i = 0; i < exact.size(); ++i) {
      if (exact[i].norm().item<double>() < 1e-4) continue;  // one key: the softmax has no gradient
      EXPECT_LT(distance(mixed[i], exact[i]), 0.03) << length << " " << i;
    }
  }
}

/// What is behind a query decides neither its output nor, through it, any gradient.
TEST(Transformer, BlocksInBfloat16NeverSeeTheFuture) {
  auto config = tiny_config(23, 4, 2, true);
  config.context = 100;
  Transformer model(config, 5, torch::kCPU);
  widen_weights(model, 0.3, 15);
  const auto copies = model.mixed_block(0);
  torch::manual_seed(2);
  auto x = torch::randn({70, config.hidden});
  auto other = x.clone();
  other.slice(0, 41).normal_();
  const auto run = [&](const Tensor& states) {
    const auto leaf = states.clone().requires_grad_();
    const auto y = model.block_states(0, leaf, {.batch = 1, .length = 70}, {}, &copies).slice(0, 0, 41);
    const auto gradient = torch::autograd::grad({y.square().sum()}, {leaf})[0];
    return std::pair{y.detach(), gradient};
  };
  const auto [y, gradient] = run(x);
  const auto [other_y, other_gradient] = run(other);
  EXPECT_TRUE(torch::equal(y, other_y));
  EXPECT_TRUE(torch::equal(gradient.slice(0, 0, 41), other_gradient.slice(0, 0, 41)));
  EXPECT_EQ(gradient.slice(0, 41).abs().max().item<double>(), 0);
}

TEST(Transformer, ExamplesOfABatchDoNotSeeEachOther) {
  const auto config = tiny_config(23, 4, 2, true);
  Transformer model(config, 5, torch::kCPU);
  widen_weights(model, 0.3, 15);
  const auto batch = two_examples(config.vocabulary);
  const auto together = model.plain_states(batch.tokens);
  const auto alone = model.plain_states(batch.tokens.narrow(0, 1, 1).narrow(1, 0, 7));
  EXPECT_LT((together.narrow(0, 12, 7) - alone).abs().max().item<double>(), 1e-5);
}

TEST(Transformer, DropoutKeepsTheRightShareAndTheMean) {
  const auto ones = torch::ones({1000, 100});
  for (const double probability : {0.1, 0.5, 0.8}) {
    const auto dropped = add_dropped(Tensor(), ones, probability, 77);
    const double kept = (dropped != 0).to(torch::kFloat64).mean().item<double>();
    EXPECT_NEAR(kept, 1 - probability, 0.01);
    EXPECT_NEAR(dropped.to(torch::kFloat64).mean().item<double>(), 1, 0.02);
    // Neighbours and rows are independent.
    const auto mask = (dropped != 0).to(torch::kFloat64) - (1 - probability);
    const auto neighbours = mask.narrow(1, 0, 99) * mask.narrow(1, 1, 99);
    EXPECT_NEAR(neighbours.mean().item<double>(), 0, 0.005);
    EXPECT_NEAR((mask.narrow(0, 0, 999) * mask.narrow(0, 1, 999)).mean().item<double>(), 0, 0.005);
  }
  EXPECT_FALSE(torch::equal(add_dropped(Tensor(), ones, 0.5, 1), add_dropped(Tensor(), ones, 0.5, 2)));
  EXPECT_TRUE(torch::equal(add_dropped(Tensor(), ones, 0.5, 1), add_dropped(Tensor(), ones, 0.5, 1)));
}

TEST(Transformer, LossOverManyRowsEqualsLibtorchsCrossEntropy) {
  torch::manual_seed(2);
  auto x = torch::randn({2500, 12}).requires_grad_();
  auto head = torch::randn({3000, 12}).requires_grad_();  // several blocks of rows
  const auto targets = torch::randint(3000, {2500}, torch::kInt64);
  const auto loss = token_loss(x, head, targets);
  (3 * loss).backward();
  const auto dx = x.grad().clone();
  const auto dhead = head.grad().clone();
  x.mutable_grad() = Tensor();
  head.mutable_grad() = Tensor();
  const auto expected = torch::nn::functional::cross_entropy(torch::mm(x, head.t()), targets);
  (3 * expected).backward();
  EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-4);
  EXPECT_LT((dx - x.grad()).abs().max().item<double>(), 1e-7);
  EXPECT_LT((dhead - head.grad()).abs().max().item<double>(), 1e-6);
}

TEST(Transformer, LossIsExactWhereTheLogitsAreExtreme) {
  const auto x = torch::tensor({{100.0F}, {-100.0F}});
  const auto head = torch::tensor({{1.0F}, {-1.0F}, {0.0F}});
  const auto targets = torch::tensor(std::vector<std::int64_t>{0, 0});
  EXPECT_NEAR(token_loss(x, head, targets).item<double>(), 100.0, 1e-3);  // (0 + 200) / 2
}

TEST(Transformer, StartsFromItsSeedAlone) {
  const auto config = tiny_config(23, 4, 2, false);
  const auto a = standard_tensors(Transformer(config, 5, torch::kCPU));
  const auto b = standard_tensors(Transformer(config, 5, torch::kCPU));
  const auto c = standard_tensors(Transformer(config, 6, torch::kCPU));
  for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
  EXPECT_FALSE(torch::equal(a.at("lm_head.weight"), c.at("lm_head.weight")));
}

}  // namespace
}  // namespace llama4rec::llm
