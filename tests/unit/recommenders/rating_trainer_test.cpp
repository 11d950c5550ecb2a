// The fast kernels of the six rating models against libtorch's autograd, and that against finite differences.
#include <cmath>

#include <gtest/gtest.h>

#include "unit/recommenders/deep_rating_fixtures.h"

namespace llama4rec::recommenders {
namespace {

InteractionFactory factory_of(const std::string& name, double dropout) {
  const std::shared_ptr<DeepRatingModel> model = small_model(name, small_settings(), dropout);
  return [model](const ModelShape& shape, ParameterLayout& layout) { return model->interactions(shape, layout); };
}

/// A network over the attributed ratings with parameters so large that every term of the gradient counts.
struct TrainerCase {
  AttributedRatings ratings{11, 9, 5};
  FeatureTable features;
  RatingNetwork network;
  RowPenalties penalties;
  std::vector<float> parameters;
  RatingColumns columns = shuffled(ratings.data.examples, 3, 1);

  explicit TrainerCase(const std::string& name, double dropout = 0, const std::string& multivalued = "mean")
      : features(build_features(ratings.data, {.minimum_count = 1, .bins = 4, .multivalued = multivalued})),
        network(features, 4, factory_of(name, dropout), {.mean = 3, .deviation = 0.7, .linear_deviation = 0.3}),
        penalties(row_penalties(network, ratings.data.examples, 0.5, 0.3, 0.02)),
        parameters(network.layout().draw(7)) {
    RandomStream stream(4, "tests.biases");
    for (const Parameter& p : network.layout().parameters()) {
      if (p.initial.kind != InitialValues::kConstant) continue;  // zero biases would hide an error
      for (std::int64_t n = 0; n < p.size; ++n) {
        parameters[static_cast<std::size_t>(p.offset + n)] += static_cast<float>(0.2 * stream.normal());
      }
    }
  }
  [[nodiscard]] RatingLearning learning() const {
    return {.batch_size = 40, .learning_rate = 1e-2, .decay = 0.9, .weight_decay = 0.01, .averaging = 0.9, .seed = 3};
  }
};

class RatingTrainers : public ::testing::TestWithParam<std::string> {};

TEST_P(RatingTrainers, AgreeOnLossAndGradient) {
  for (const double dropout : {0.0, 0.4}) {
    for (const char* multivalued : {"mean", "flags"}) {
      const TrainerCase c(GetParam(), dropout, multivalued);
      const auto fast = make_fast_rating_trainer(c.network, c.penalties, c.learning(), c.parameters);
      const auto plain = make_plain_rating_trainer(c.network, c.penalties, c.learning(), c.parameters, "cpu");
      const DropoutKey key{.seed = 3, .epoch = 2, .batch = 1};
      for (const std::int64_t size : {40, 37, 3}) {  // slices that are full, padded, and fewer than parts
        const auto batch = c.columns.view().part(1, size);
        std::vector<float> fast_gradient;
        std::vector<float> plain_gradient;
        const double fast_loss = fast->loss_and_gradient(batch, &key, fast_gradient);
        const double plain_loss = plain->loss_and_gradient(batch, &key, plain_gradient);
        EXPECT_NEAR(fast_loss, plain_loss, 1e-5 * plain_loss);
        for (const Parameter& p : c.network.layout().parameters()) {
          double most = 0;
          double difference = 0;
          for (std::int64_t n = p.offset; n < p.offset + p.size; ++n) {
            const auto place = static_cast<std::size_t>(n);
            most = std::max(most, std::abs(static_cast<double>(plain_gradient[place])));
            difference =
                std::max(difference, std::abs(static_cast<double>(plain_gradient[place] - fast_gradient[place])));
          }
          EXPECT_GT(most, 0) << p.name;
          EXPECT_LT(difference, 2e-5 * most + 1e-6) << p.name << " of " << most << ", batch " << size;
        }
      }
    }
  }
}

TEST_P(RatingTrainers, HaveTheGradientOfTheirLoss) {
  const TrainerCase c(GetParam());
  const auto batch = c.columns.view().part(0, 12);
  std::vector<float> gradient;
  std::vector<float> unused;
  make_plain_rating_trainer(c.network, c.penalties, c.learning(), c.parameters, "cpu")
      ->loss_and_gradient(batch, nullptr, gradient);
  // Directions through all parameters at once. A relu that changes its side bends the loss: single directions may be off a little.
  const auto loss_at = [&](const std::vector<double>& direction, double step) {
    auto moved = c.parameters;
    for (std::size_t n = 0; n < moved.size(); ++n) moved[n] += static_cast<float>(step * direction[n]);
    return make_fast_rating_trainer(c.network, c.penalties, c.learning(), moved)
        ->loss_and_gradient(batch, nullptr, unused);
  };
  constexpr double kStep = 1e-4;
  RandomStream stream(6, "tests.direction");
  double squared_slopes = 0;
  double squared_errors = 0;
  for (int count = 0; count < 8; ++count) {
    std::vector<double> direction(c.parameters.size());
    double expected = 0;
    for (std::size_t n = 0; n < direction.size(); ++n) {
      direction[n] = stream.normal();
      expected += direction[n] * static_cast<double>(gradient[n]);
    }
    const double slope = (loss_at(direction, kStep) - loss_at(direction, -kStep)) / (2 * kStep);
    squared_slopes += expected * expected;
    squared_errors += (slope - expected) * (slope - expected);
  }
  EXPECT_GT(squared_slopes, 0);
  EXPECT_LT(std::sqrt(squared_errors), 0.04 * std::sqrt(squared_slopes));
}

TEST_P(RatingTrainers, TakeTheSameSteps) {
  const TrainerCase c(GetParam(), 0.2);
  const auto fast = make_fast_rating_trainer(c.network, c.penalties, c.learning(), c.parameters);
  const auto plain = make_plain_rating_trainer(c.network, c.penalties, c.learning(), c.parameters, "cpu");
  for (std::int64_t epoch = 1; epoch <= 2; ++epoch) {
    EXPECT_NEAR(fast->train_epoch(c.columns, epoch), plain->train_epoch(c.columns, epoch), 1e-3);
  }
  const auto a = fast->parameters();
  const auto b = plain->parameters();
  for (std::size_t n = 0; n < a.size(); ++n) ASSERT_NEAR(a[n], b[n], 2e-3) << n;
}

TEST_P(RatingTrainers, GoOnFromTheirStateToTheSameBits) {
  const TrainerCase c(GetParam(), 0.2);
  const auto whole = make_fast_rating_trainer(c.network, c.penalties, c.learning(), c.parameters);
  whole->train_epoch(c.columns, 1);
  const auto resumed = make_fast_rating_trainer(c.network, c.penalties, c.learning(), c.parameters);
  resumed->restore(whole->state());
  whole->train_epoch(c.columns, 2);
  resumed->train_epoch(c.columns, 2);
  EXPECT_EQ(whole->parameters(), resumed->parameters());
}

INSTANTIATE_TEST_SUITE_P(AllModels, RatingTrainers, ::testing::ValuesIn(deep_rating_variants()),
                         [](const auto& variant) {
                           std::string name = variant.param;
                           for (char& letter : name) letter = letter == '-' ? '_' : letter;
                           return name;
                         });

}  // namespace
}  // namespace llama4rec::recommenders
