// Several processes that train one recommender: what one process learns, the same in all of them.
#include <atomic>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/interrupt.h"
#include "recommenders/registry.h"
#include "recommenders/sequential/encoder_shape.h"
#include "support/ranks.h"
#include "tensor/safetensors.h"
#include "unit/recommenders/fixtures.h"

namespace llama4rec::recommenders {
namespace {

using llama4rec::testing::as_ranks;
using tensor::World;
using ::testing::HasSubstr;

struct ProcessesCase {
  std::string model;
  std::string kernels;
  int processes = 2;
  std::string more = "train.epochs=6";
};

void PrintTo(const ProcessesCase& c, std::ostream* out) {
  *out << c.model << " " << c.kernels << " " << c.processes << " processes, " << c.more;
}

config::Configuration configuration_of(const ProcessesCase& c) {
  // The last batch has fewer samples than there are processes.
  return configuration({"train.epochs=6", "train.embedding=20", "train.learning_rate=0.01", "train.batch_size=10",
                        "train.validate_every=1", "train.patience=2", "sequence.batch_size=8", "sequence.length=5",
                        "sequence.layers=1", "sequence.dropout=0.2", "train.kernels=" + c.kernels, c.more});
}

/// 102 interactions and two pairs of data augmentation.
TopKTrainingData data() {
  auto result = two_groups(17, 23, 6, 5);
  result.pairs = {{.user = 0, .preferred = 3, .other = 4}, {.user = 2, .preferred = 1, .other = 0}};
  return result;
}

using Parameters = std::map<std::string, torch::Tensor>;

struct Trained {
  FitSummary summary;
  Parameters parameters;
};

/// Fits a fresh model as one of the world's processes.
Trained train(const ProcessesCase& c, const World* world, const FitHooks& hooks = {}) {
  const auto model = create_top_k(c.model, configuration_of(c), 7, world);
  Trained result{.summary = model->fit(data(), hooks), .parameters = {}};
  const TemporaryFolder folder;
  model->save(folder / "model");
  for (const auto& [name, tensor] : tensor::read_safetensors(folder / "model").tensors) {
    result.parameters[name] = tensor.clone();
  }
  return result;
}

/// What every process ends with, in the order of their ranks.
std::vector<Trained> train_together(const ProcessesCase& c, const FitHooks& hooks = {}) {
  std::vector<Trained> found(static_cast<std::size_t>(c.processes));
  as_ranks(c.processes,
           [&](const World& world) { found[static_cast<std::size_t>(world.rank())] = train(c, &world, hooks); });
  return found;
}

/// The bias of an attention's keys has a gradient of exactly 0: Adam takes whole steps along its rounding, in any direction.
void without_key_biases(const ProcessesCase& c, Parameters& parameters) {
  const auto weights = parameters.find("weights");
  if (weights == parameters.end()) return;
  const EncoderShape shape{.items = 23, .length = 5, .dimension = 20, .layers = 1};
  ASSERT_EQ(weights->second.numel(), weight_count(shape)) << c.model;
  for (const auto& part : encoder_parts(shape)) {
    if (part.name == "0.query_key_value_bias")
      weights->second.narrow(0, part.offset + shape.dimension, shape.dimension).zero_();
  }
}

void expect_near(const ProcessesCase& c, Parameters found, Parameters expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (auto* parameters : {&found, &expected}) {
    for (auto& [name, tensor] : *parameters) tensor = tensor.to(torch::kFloat64, /*non_blocking=*/false, /*copy=*/true);
    without_key_biases(c, *parameters);
  }
  for (const auto& [name, tensor] : expected) {
    // Another share of the gradient would move everything by hundredths.
    EXPECT_LT((found.at(name) - tensor).norm().item<double>(), 1e-3 * tensor.norm().item<double>()) << name;
  }
}

class SeveralProcesses : public ::testing::TestWithParam<ProcessesCase> {};

TEST_P(SeveralProcesses, LearnWhatOneLearnsAndAllTheSame) {
  std::vector<std::vector<double>> losses(static_cast<std::size_t>(GetParam().processes) + 1);
  const auto watched = [&](std::size_t who) {
    FitHooks hooks;
    hooks.on_epoch = [&losses, who](const EpochReport& report) { losses[who].push_back(report.loss); };
    return hooks;
  };
  const auto expected = train(GetParam(), nullptr, watched(losses.size() - 1));
  std::vector<Trained> found(static_cast<std::size_t>(GetParam().processes));
  as_ranks(GetParam().processes, [&](const World& world) {
    const auto rank = static_cast<std::size_t>(world.rank());
    found[rank] = train(GetParam(), &world, watched(rank));
  });
  expect_near(GetParam(), found.front().parameters, expected.parameters);
  const bool direct = GetParam().model == "mf" || GetParam().model == "lightgcn";
  if (direct && GetParam().kernels == "fast") {
    for (const auto& [name, tensor] : expected.parameters) {
      EXPECT_TRUE(torch::equal(found.front().parameters.at(name), tensor)) << name;
    }
  }
  for (const auto& other : found) {
    for (const auto& [name, tensor] : found.front().parameters) {
      EXPECT_TRUE(torch::equal(other.parameters.at(name), tensor)) << name;
    }
  }
  ASSERT_EQ(losses.back().size(), 6U);
  for (std::size_t epoch = 0; epoch < losses.back().size(); ++epoch) {
    EXPECT_NEAR(losses.front()[epoch], losses.back()[epoch], 1e-5);
    for (const auto& of_rank : losses) {
      if (&of_rank != &losses.back()) {
        EXPECT_EQ(of_rank.at(epoch), losses.front()[epoch]);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SeveralProcesses,
                         ::testing::Values(ProcessesCase{"mf", "fast"}, ProcessesCase{"mf", "fast", 3},
                                           ProcessesCase{"mf", "plain", 3}, ProcessesCase{"lightgcn", "fast"},
                                           ProcessesCase{"lightgcn", "fast", 2, "train.embedding=64"},
                                           ProcessesCase{"lightgcn", "fast", 3}, ProcessesCase{"lightgcn", "plain"},
                                           ProcessesCase{"sasrec", "fast"}, ProcessesCase{"sasrec", "fast", 3},
                                           ProcessesCase{"sasrec", "fast", 2, "sasrec.loss=bce"},
                                           ProcessesCase{"sasrec", "plain", 3},
                                           ProcessesCase{"sasrec", "plain", 2, "sasrec.loss=bce"},
                                           ProcessesCase{"bert4rec", "fast"}, ProcessesCase{"bert4rec", "plain", 3}));

TEST(SeveralProcesses, StopWhereTheLeadingOneSays) {
  const ProcessesCase c{"mf", "fast", 3, "train.epochs=50"};
  std::vector<FitSummary> summaries(3);
  as_ranks(3, [&](const World& world) {
    double score = 0;
    FitHooks hooks;
    hooks.validation_score = [&] {
      EXPECT_TRUE(world.leads());
      return score < 4 ? ++score : 0.0;  // 1, 2, 3, 4, 0, 0
    };
    summaries[static_cast<std::size_t>(world.rank())] = train(c, &world, hooks).summary;
  });
  for (const auto& summary : summaries) {
    EXPECT_EQ(summary.epochs, 6);
    EXPECT_EQ(summary.best_epoch, 4);
  }
}

TEST(SeveralProcesses, RefuseToBeginWhereTheyDoNotAgree) {
  std::atomic<int> refused = 0;
  EXPECT_THROW(as_ranks(2,
                        [&](const World& world) {
                          FitHooks hooks;
                          hooks.checkpoint.key = world.leads() ? "these options" : "those options";
                          try {
                            (void)train({"sasrec", "fast"}, &world, hooks);
                          } catch (const DataError& error) {
                            EXPECT_THAT(error.what(),
                                        HasSubstr("rank 1 has other options, data and state than rank 0"));
                            refused += 1;
                            throw;
                          }
                        }),
               DataError);
  EXPECT_EQ(refused, 2);
}

TEST(SeveralProcesses, GoOnAtAnotherNumberFromWhatTheLeadingOneKept) {
  for (const std::string model : {"lightgcn", "sasrec"}) {
    const auto expected = train({model, "fast"}, nullptr);
    for (const auto& [first, second] : {std::pair{2, 3}, {3, 1}, {1, 2}}) {
      const TemporaryFolder folder;
      FitHooks hooks;
      hooks.checkpoint = {.file = folder / "state", .key = "a"};
      hooks.on_epoch = [](const EpochReport& report) {
        if (report.epoch == 3) request_interrupt(true);
      };
      EXPECT_THROW((void)train_together({model, "fast", first}, hooks), InterruptedError);
      request_interrupt(false);
      hooks.on_epoch = [](const EpochReport& report) { EXPECT_GT(report.epoch, 3); };
      const auto found = train_together({model, "fast", second}, hooks);
      for (const auto& one : found) expect_near({model, "fast"}, one.parameters, expected.parameters);
      EXPECT_EQ(found.back().summary.epochs, 6);
    }
  }
}

TEST(SeveralProcesses, AreRefusedWhereAModelCannotBeSharedOut) {
  for (const std::string model : {"sgl", "mixgcf", "cl4srec", "popularity", "als", "deepfm"}) {
    check_shared(model, 1);
    try {
      check_shared(model, 2);
      ADD_FAILURE() << model;
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(),
                  HasSubstr(model + " is trained by one process, and 2 were started; several can train mf, "
                                    "lightgcn, sasrec, bert4rec"));
    }
  }
  as_ranks(2, [](const World& world) {
    EXPECT_THROW((void)create_top_k("sgl", configuration_of({"sgl", "fast"}), 1, &world), UsageError);
  });
}

}  // namespace
}  // namespace llama4rec::recommenders
