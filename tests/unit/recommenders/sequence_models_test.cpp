// SASRec, BERT4Rec and CL4SRec as recommenders: learning, seeds, saving, resuming, bad input.
#include <algorithm>
#include <fstream>
#include <limits>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "recommenders/registry.h"
#include "recommenders/sequential/encoder_shape.h"
#include "tensor/safetensors.h"
#include "unit/recommenders/fixtures.h"

namespace llama4rec::recommenders {
namespace {

using ::testing::HasSubstr;

struct SequenceCase {
  std::string model;
  std::string kernels;
};

void PrintTo(const SequenceCase& c, std::ostream* out) { *out << c.model << " " << c.kernels; }

/// Everybody goes round a circle of items, from various places.
TopKTrainingData circle(std::int64_t users, std::int64_t items, std::size_t length) {
  std::vector<std::vector<ItemIndex>> histories;
  for (std::int64_t user = 0; user < users; ++user) {
    std::vector<ItemIndex> history;
    for (std::size_t n = 0; n < length; ++n) {
      history.push_back(static_cast<ItemIndex>((user * 7 + static_cast<std::int64_t>(n)) % items));
    }
    histories.push_back(history);
  }
  return training_data(std::move(histories), items);
}

std::vector<std::string> options(const SequenceCase& c, const std::vector<std::string>& more = {}) {
  std::vector<std::string> result = {"train.epochs=12",           "train.embedding=16", "train.learning_rate=0.01",
                                     "train.validate_every=3",    "train.patience=9",   "sequence.batch_size=16",
                                     "sequence.length=6",         "sequence.layers=1",  "sequence.dropout=0.1",
                                     "train.kernels=" + c.kernels};
  result.insert(result.end(), more.begin(), more.end());
  return result;
}

class SequenceModelTest : public ::testing::TestWithParam<SequenceCase> {
 protected:
  [[nodiscard]] static std::unique_ptr<TopKRecommender> model(std::uint64_t seed = 1,
                                                              const std::vector<std::string>& more = {}) {
    return create_top_k(GetParam().model, configuration(options(GetParam(), more)), seed);
  }
  static torch::Tensor scores(const TopKRecommender& model) {
    const std::vector<std::vector<ItemIndex>> histories = {{3, 4, 5}, {0}, {9, 8, 7, 6, 5, 4, 3, 2}};
    return model.score(std::vector<UserIndex>{0, 1, 2}, histories);
  }
};

/// libtorch's matrix products may round equal rows differently, by their place in the matrix.
bool same_up_to_rounding(const torch::Tensor& a, const torch::Tensor& b) { return torch::allclose(a, b, 1e-4, 1e-6); }

TEST_P(SequenceModelTest, LearnsWhatFollows) {
  const auto data = circle(48, 24, 9);
  // The cloze task asks for few positions of a window. At 200 epochs without dropout every seed from 1 to 8 has 24, at 400 one has 20.
  const bool cloze = GetParam().model == "bert4rec";
  const auto learner =
      model(1, {cloze ? "train.epochs=200" : "train.epochs=60", cloze ? "sequence.dropout=0" : "sequence.dropout=0.1"});
  learner->fit(data, {});
  int right = 0;
  for (ItemIndex last = 0; last < 24; ++last) {
    const std::vector<std::vector<ItemIndex>> history = {{(last + 21) % 24, (last + 22) % 24, (last + 23) % 24, last}};
    const auto values = learner->score(std::vector<UserIndex>{0}, history)[0];
    right += values.argmax().item<std::int64_t>() == (last + 1) % 24 ? 1 : 0;
  }
  EXPECT_GE(right, 18);  // of 24; by chance 1
}

/// The rows of the model's positions, the farthest first, [6, 16].
torch::Tensor positions(const TopKRecommender& model) {
  const TemporaryFolder folder;
  model.save(folder / "model");
  const auto weights = tensor::read_safetensors(folder / "model").tensors.at("weights").clone();
  const auto parts = encoder_parts({.items = 15, .length = 6, .dimension = 16, .layers = 1});
  const auto part = std::find_if(parts.begin(), parts.end(), [](const auto& p) { return p.name == "positions"; });
  return weights.narrow(0, part->offset, part->elements()).view(part->shape);
}

TEST_P(SequenceModelTest, TrainsEveryPositionThatAPredictionReads) {
  const auto start = positions(*[] {
    auto fresh = model(1, {"train.epochs=1", "train.learning_rate=1e-9"});
    fresh->fit(circle(20, 15, 30), {});
    return fresh;
  }());
  const auto learner = model(1, {"train.epochs=3"});
  learner->fit(circle(20, 15, 30), {});
  const auto moved = (positions(*learner) - start).abs().amax(1);
  for (std::int64_t place = 0; place < 6; ++place) EXPECT_GT(moved[place].item<float>(), 1e-3) << place;
}

TEST_P(SequenceModelTest, ReadsTheEndOfALongerHistoryAndAllOfIt) {
  const auto learner = model(1, {"train.epochs=3"});
  learner->fit(circle(20, 15, 30), {});
  const auto of = [&](const std::vector<ItemIndex>& history) {
    return learner->score(std::vector<UserIndex>{0}, std::vector<std::vector<ItemIndex>>{history});
  };
  const std::vector<ItemIndex> history = {9, 1, 12, 3, 4, 5, 6, 7, 8, 10};
  // Six positions; BERT4Rec's mask takes the last.
  const std::size_t read = GetParam().model == "bert4rec" ? 5 : 6;
  const auto expected = of(history);
  EXPECT_TRUE(torch::equal(of({history.end() - static_cast<std::ptrdiff_t>(read), history.end()}), expected));
  auto other = history;
  other[history.size() - read] = 0;
  EXPECT_FALSE(torch::equal(of(other), expected));
  other = history;
  other[history.size() - read - 1] = 0;
  EXPECT_TRUE(torch::equal(of(other), expected));
}

TEST_P(SequenceModelTest, GivesTheSameParametersForTheSameSeedAndOthersForAnother) {
  const auto data = circle(20, 15, 8);
  const auto result = [&](std::uint64_t seed) {
    const auto learner = model(seed);
    learner->fit(data, {});
    return scores(*learner);
  };
  const auto first = result(5);
  EXPECT_TRUE(torch::equal(first, result(5)));
  EXPECT_FALSE(torch::equal(first, result(6)));
}

TEST_P(SequenceModelTest, IsTheSameAfterSavingAndLoading) {
  const auto data = circle(20, 15, 8);
  const auto learner = model();
  learner->fit(data, {});
  const TemporaryFolder folder;
  learner->save(folder / "model");
  // Its shape is in the file: other options do not matter.
  const auto loaded = model(9, {"train.embedding=8", "sequence.layers=3", "sequence.length=20"});
  loaded->load(folder / "model");
  EXPECT_TRUE(torch::equal(scores(*learner), scores(*loaded)));
  EXPECT_EQ(learner->provenance().interactions, loaded->provenance().interactions);
}

TEST_P(SequenceModelTest, TakesAUserForWhatIsInTheHistoryAlone) {
  const auto data = circle(20, 15, 8);
  const auto learner = model();
  learner->fit(data, {});
  const std::vector<std::vector<ItemIndex>> histories = {{1, 2, 3}, {1, 2, 3}};
  const auto values = learner->score(std::vector<UserIndex>{0, 400}, histories);
  EXPECT_TRUE(same_up_to_rounding(values[0], values[1]));
  const auto states = learner->user_embeddings(std::vector<UserIndex>{0, 400}, histories);
  EXPECT_TRUE(same_up_to_rounding(states[0], states[1]));
  if (GetParam().kernels == "fast") {
    EXPECT_TRUE(torch::equal(states[0], states[1]));
  }
  EXPECT_EQ(states.size(1), 16);
}

TEST_P(SequenceModelTest, ScoresAHistoryWithoutKnownItemsByPopularity) {
  auto data = circle(20, 15, 8);
  data.items = 18;  // three that nobody has
  const auto learner = model();
  learner->fit(data, {});
  const auto popularity = create_top_k("popularity", configuration({}), 1);
  popularity->fit(data, {});
  const std::vector<UserIndex> users = {0, 1, 2};
  const std::vector<std::vector<ItemIndex>> histories = {{}, {16, 17}, {3, 16, 4}};
  const auto values = learner->score(users, histories);
  const auto expected = popularity->score(users, histories);
  EXPECT_TRUE(torch::equal(values[0], expected[0]));
  EXPECT_TRUE(torch::equal(values[1], expected[1]));
  // An unknown item in between is passed over, and none is recommended.
  const std::vector<std::vector<ItemIndex>> without = {{3, 4}};
  EXPECT_TRUE(same_up_to_rounding(values[2], learner->score(std::vector<UserIndex>{2}, without)[0]));
  EXPECT_EQ(values[2][16].item<float>(), values[2].min().item<float>());
}

TEST_P(SequenceModelTest, TakesUsersOfOneInteractionAndRefusesDataWithoutAnySequence) {
  auto data = circle(20, 15, 8);
  data.histories[3] = {2};
  data.histories[4] = {};
  const auto learner = model();
  learner->fit(data, {});
  EXPECT_TRUE(scores(*learner).isfinite().all().item<bool>());
  try {
    model()->fit(training_data({{1}, {2}, {}}, 5), {});
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no user has two interactions"));
  }
}

TEST_P(SequenceModelTest, ContinuesWithTheLengthThatItWasMadeWith) {
  const auto data = circle(20, 15, 30);
  const TemporaryFolder folder;
  const auto trained = model(1, {"sequence.length=6", "train.epochs=2"});
  trained->fit(data, {});
  trained->save(folder / "model");
  const auto go_on = [&](const std::string& length) {
    const auto next = model(1, {"sequence.length=" + length, "train.epochs=3"});
    next->load(folder / "model");
    next->fit(data, {.start = FitStart::kContinued});
    return scores(*next);
  };
  EXPECT_TRUE(torch::equal(go_on("6"), go_on("20")));
  EXPECT_TRUE(torch::equal(go_on("6"), go_on("2000")));
}

TEST_P(SequenceModelTest, StaysAsItWasWhenDataAreRefused) {
  const auto learner = model();
  learner->fit(circle(20, 15, 8), {});
  const auto before = scores(*learner);
  auto without_sequence = circle(20, 9, 8);
  for (auto& history : without_sequence.histories) history.resize(1);
  EXPECT_THROW(learner->fit(without_sequence, {}), DataError);
  auto outside = circle(20, 9, 8);
  outside.histories.front().push_back(9);
  EXPECT_THROW(learner->fit(outside, {}), DataError);
  EXPECT_TRUE(torch::equal(scores(*learner), before));
}

TEST_P(SequenceModelTest, StopsWithOneLineWhenItsScoreIsNotANumber) {
  const auto learner = model();
  const auto data = circle(20, 15, 8);
  const FitHooks hooks{.validation_score = [] { return std::numeric_limits<double>::quiet_NaN(); }, .on_epoch = {}};
  try {
    learner->fit(data, hooks);
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("not finite"));
    EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
  }
}

TEST_P(SequenceModelTest, RefusesADamagedFileAndStaysAsItWas) {
  const auto learner = model();
  learner->fit(circle(20, 15, 8), {});
  const TemporaryFolder folder;
  learner->save(folder / "model");
  const auto before = scores(*learner);
  const auto damaged = [&](const std::function<void(tensor::TensorFile&)>& change) -> std::string {
    tensor::TensorFile file = tensor::read_safetensors(folder / "model");
    for (auto& [name, value] : file.tensors) value = value.clone();
    change(file);
    tensor::write_safetensors(folder / "bad", file);
    try {
      learner->load(folder / "bad");
    } catch (const DataError& error) {
      return error.what();
    }
    return "no DataError";
  };
  EXPECT_THAT(damaged([](auto& f) { f.tensors["weights"][3] = std::nanf(""); }), HasSubstr("not finite"));
  EXPECT_THAT(damaged([](auto& f) { f.tensors["weights"] = torch::zeros({5}); }), HasSubstr("\"weights\""));
  EXPECT_THAT(damaged([](auto& f) { f.tensors.erase("weights"); }), HasSubstr("lacks the tensor"));
  EXPECT_THAT(damaged([](auto& f) { f.metadata["setting.heads"] = "3"; }), HasSubstr("3 heads do not divide"));
  EXPECT_THAT(damaged([](auto& f) { f.metadata["setting.layers"] = "2.5"; }), HasSubstr("whole number"));
  EXPECT_THAT(damaged([](auto& f) { f.metadata["setting.layers"] = "900"; }), HasSubstr("from 1 to"));
  EXPECT_TRUE(torch::equal(scores(*learner), before));
}

TEST_P(SequenceModelTest, ReachesTheSameBitsAfterKills) {
  const auto data = circle(20, 15, 8);
  const auto hooks = [](const TopKRecommender& of) {
    return FitHooks{.validation_score = [&of] { return -std::abs(scores(of).std().item<double>() - 0.3); },
                    .on_epoch = {}};
  };
  const auto whole = model();
  const FitSummary expected = whole->fit(data, hooks(*whole));
  const TemporaryFolder folder;
  FitSummary summary;
  int kills = 0;
  for (bool done = false; !done;) {
    const auto cut = model();
    FitHooks watched = hooks(*cut);
    watched.checkpoint = {.file = folder / "state", .key = "a", .time_share = 1e9};
    int left = 3;
    watched.on_epoch = [&](const EpochReport&) {
      if (--left == 0) throw Killed();
    };
    try {
      summary = cut->fit(data, watched);
      done = true;
      EXPECT_TRUE(torch::equal(scores(*cut), scores(*whole)));
    } catch (const Killed&) {
      ++kills;
    }
    ASSERT_LT(kills, 50);
  }
  EXPECT_GT(kills, 2);
  EXPECT_EQ(summary.best_epoch, expected.best_epoch);
}

TEST(SequenceLoss, IsTheMeanOverAllTargetsHoweverTheyAreBatched) {
  std::vector<std::vector<ItemIndex>> histories;
  for (std::size_t user = 0; user < 30; ++user) {
    std::vector<ItemIndex> history;
    for (std::size_t n = 0; n < 2 + user % 5; ++n) history.push_back(static_cast<ItemIndex>((user * 5 + n * n) % 15));
    histories.push_back(history);
  }
  const auto data = training_data(std::move(histories), 15);
  const auto loss = [&](const char* batch_size) {
    // Without dropout and all but without steps every batch has the same weights.
    const auto learner = create_top_k(
        "sasrec",
        configuration(options({"sasrec", "fast"},
                              {"train.epochs=1", batch_size, "train.learning_rate=1e-9", "sequence.dropout=0"})),
        1);
    double value = 0;
    learner->fit(data, {.validation_score = {}, .on_epoch = [&](const EpochReport& report) { value = report.loss; }});
    return value;
  };
  EXPECT_NEAR(loss("sequence.batch_size=4"), loss("sequence.batch_size=100"), 1e-5);
}

TEST_P(SequenceModelTest, GoesOnWithAnotherNumberOfThreadsToTheSameScoresUpToRounding) {
  const auto data = circle(90, 15, 30);
  const auto learner = [] { return model(1, {"sequence.batch_size=256"}); };  // enough for every thread to have a part
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto whole = learner();
  whole->fit(data, {});
  const TemporaryFolder folder;
  FitHooks watched;
  watched.checkpoint = {.file = folder / "state", .key = "a", .time_share = 1e9};
  watched.on_epoch = [](const EpochReport& report) {
    if (report.epoch == 6) throw Killed();
  };
  EXPECT_THROW(learner()->fit(data, watched), Killed);
  at::set_num_threads(3);
  std::vector<std::int64_t> epochs;
  watched.on_epoch = [&](const EpochReport& report) { epochs.push_back(report.epoch); };
  const auto resumed = learner();
  resumed->fit(data, watched);
  at::set_num_threads(before);
  ASSERT_FALSE(epochs.empty());
  EXPECT_EQ(epochs.front(), 6);  // the fifth is the last that was kept
  EXPECT_EQ(epochs.back(), 12);
  EXPECT_LT((scores(*resumed) - scores(*whole)).abs().max().item<float>(), 1e-3);
}

TEST_P(SequenceModelTest, ContinuesASavedModelFromItsParameters) {
  const auto data = circle(20, 15, 8);
  const TemporaryFolder folder;
  const auto trained = model(1, {"train.epochs=80"});
  trained->fit(data, {});
  trained->save(folder / "model");
  const auto distance = [&](FitStart start) {
    const auto next = model(2);
    next->load(folder / "model");
    torch::Tensor early;
    FitHooks watched;
    watched.start = start;
    watched.validation_score = [&] {
      if (!early.defined()) early = scores(*next);
      return 0.0;
    };
    next->fit(data, watched);
    return (early - scores(*trained)).norm().item<double>();
  };
  EXPECT_LT(distance(FitStart::kContinued), 0.6 * distance(FitStart::kFresh));
  FitHooks watched;
  watched.start = FitStart::kContinued;
  EXPECT_THROW(model()->fit(data, watched), UsageError);
  EXPECT_THROW(trained->fit(circle(20, 16, 8), watched), DataError);
}

INSTANTIATE_TEST_SUITE_P(Models, SequenceModelTest,
                         ::testing::Values(SequenceCase{"sasrec", "fast"}, SequenceCase{"sasrec", "plain"},
                                           SequenceCase{"bert4rec", "fast"}, SequenceCase{"bert4rec", "plain"},
                                           SequenceCase{"cl4srec", "fast"}, SequenceCase{"cl4srec", "plain"}));

TEST(SequenceModels, RefuseHeadsThatDoNotDivide) {
  const auto learner =
      create_top_k("sasrec", configuration({"train.embedding=16", "sequence.heads=3", "train.epochs=1"}), 1);
  try {
    learner->fit(circle(20, 15, 8), {});
    FAIL() << "no error";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("sequence.heads: 3 does not divide train.embedding 16"));
  }
}

}  // namespace
}  // namespace llama4rec::recommenders
