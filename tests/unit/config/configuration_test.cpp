#include "config/configuration.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <llama4rec/error.h>

namespace llama4rec::config {
namespace {

struct TrainOptions {
  std::int64_t epochs = 300;
  double learning_rate = 0.001;
  bool shuffle = true;
  std::string loss = "bpr";
  std::vector<double> weights = {0.5, 1};
  std::vector<std::string> features;
  void declare(OptionVisitor& visit) {
    visit.option("train.epochs", epochs, between(1, 100000), "Most passes over the data.", "IV-A5");
    visit.option("train.learning_rate", learning_rate, between(0, 1), "Step of the optimiser.");
    visit.option("train.shuffle", shuffle, anything(), "New order in every epoch.");
    visit.option("train.loss", loss, one_of({"bpr", "bce"}), "What is minimised.");
    visit.option("train.weights", weights, between(0, 1), "Weights to try.");
    visit.option("train.features", features, one_of({"genres", "year"}), "Columns to use.");
  }
};

struct DataOptions {
  std::string title = "it's: a \"test\"";
  std::int64_t seed = 1;
  void declare(OptionVisitor& visit) {
    visit.option("data.source.title", title, anything(), "A title.");
    visit.option("seed", seed, at_least(0), "Start of all random streams.");
  }
};

std::shared_ptr<const OptionTable> table() {
  auto result = std::make_shared<OptionTable>();
  result->add<TrainOptions>();
  result->add<DataOptions>();
  return result;
}

std::string yaml_error(const std::string& yaml) {
  Configuration configuration(table());
  try {
    configuration.load_yaml_text(yaml, "a.yaml");
  } catch (const UsageError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "a message is one line";
    return error.what();
  }
  return "no error";
}

std::string set_error(const std::string& assignment) {
  Configuration configuration(table());
  try {
    configuration.set(assignment);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ConfigurationTest, OptionsThatWereNotConfiguredKeepTheirDefaults) {
  const auto options = Configuration(table()).read<TrainOptions>();
  EXPECT_EQ(options.epochs, 300);
  EXPECT_DOUBLE_EQ(options.learning_rate, 0.001);
  EXPECT_TRUE(options.shuffle);
  EXPECT_EQ(options.loss, "bpr");
  EXPECT_THAT(options.weights, testing::ElementsAre(0.5, 1));
  EXPECT_TRUE(options.features.empty());
}

TEST(ConfigurationTest, NestedMapsAndDottedKeysSetTheSameOptions) {
  Configuration nested(table());
  nested.load_yaml_text("train:\n  epochs: 7\n  weights: [0.25, 1e-3]\ndata: {source: {title: x}}\n", "a.yaml");
  Configuration dotted(table());
  dotted.load_yaml_text("train.epochs: 7\ntrain.weights:\n- 0.25\n- 0.001\ndata:\n  source.title: x\n", "b.yaml");
  EXPECT_EQ(nested.canonical(), dotted.canonical());
  EXPECT_EQ(nested.read<TrainOptions>().epochs, 7);
  EXPECT_THAT(nested.read<TrainOptions>().weights, testing::ElementsAre(0.25, 0.001));
  EXPECT_EQ(nested.read<DataOptions>().title, "x");
}

TEST(ConfigurationTest, LaterLayersWinAndRememberTheirOrigin) {
  Configuration configuration(table());
  configuration.load_yaml_text("\ntrain:\n  epochs: 7\n  shuffle: no\n", "a.yaml");
  configuration.set("train.epochs=9");
  EXPECT_EQ(configuration.read<TrainOptions>().epochs, 9);
  EXPECT_FALSE(configuration.read<TrainOptions>().shuffle);
  EXPECT_EQ(configuration.find("train.epochs")->origin, "--set");
  EXPECT_EQ(configuration.find("train.shuffle")->origin, "a.yaml:4");
  EXPECT_EQ(configuration.find("train.loss"), nullptr);
}

TEST(ConfigurationTest, AnOverlayTakesWhatIsSetAndLeavesOutPrefixes) {
  Configuration below(table());
  below.set("train.epochs=3");
  below.set("seed=5");
  Configuration above(table());
  above.set("train.epochs=7");
  above.set("train.loss=bce");
  above.set("data.source.title=x");
  Configuration whole = below;
  whole.overlay(above);
  EXPECT_EQ(whole.read<TrainOptions>().epochs, 7);
  EXPECT_EQ(whole.read<TrainOptions>().loss, "bce");
  EXPECT_EQ(whole.read<DataOptions>().seed, 5) << "defaults of the upper one do not count";
  below.overlay(above, {"train."});
  EXPECT_EQ(below.read<TrainOptions>().epochs, 3);
  EXPECT_EQ(below.read<DataOptions>().title, "x");
}

TEST(ConfigurationTest, AListCanBeSetInBothNotations) {
  Configuration configuration(table());
  configuration.set("train.weights=0.1, 0.2");
  EXPECT_THAT(configuration.read<TrainOptions>().weights, testing::ElementsAre(0.1, 0.2));
  configuration.set("train.weights=[0.3]");
  EXPECT_THAT(configuration.read<TrainOptions>().weights, testing::ElementsAre(0.3));
  configuration.set("train.weights=");
  EXPECT_TRUE(configuration.read<TrainOptions>().weights.empty());
  configuration.set("train.features=genres,year");
  EXPECT_THAT(configuration.read<TrainOptions>().features, testing::ElementsAre("genres", "year"));
}

TEST(ConfigurationTest, ATextKeepsEqualsSignsColonsAndSpaces) {
  Configuration configuration(table());
  configuration.set("data.source.title=a = b: [c] # d");
  EXPECT_EQ(configuration.read<DataOptions>().title, "a = b: [c] # d");
}

TEST(ConfigurationTest, AnUnknownKeyNamesItsLineAndTheNearestKey) {
  EXPECT_EQ(yaml_error("train:\n  shuffle: true\n  epoch: 3\n"),
            "a.yaml:3: unknown key 'train.epoch'; expected one of 'config options', the nearest is 'train.epochs'");
  EXPECT_THAT(yaml_error("trian:\n  loss: bpr\n"), testing::HasSubstr("the nearest is 'train.loss'"));
  EXPECT_THAT(yaml_error("learning_rate: 1\n"), testing::HasSubstr("the nearest is 'train.learning_rate'"));
  EXPECT_THAT(set_error("train.los=bpr"), testing::HasSubstr("--set: unknown key 'train.los'"));
}

TEST(ConfigurationTest, AWrongTypeTellsWhatWasExpected) {
  EXPECT_EQ(yaml_error("train:\n  epochs: many\n"),
            "a.yaml:2: key 'train.epochs': expected an integer from 1 to 100000, got 'many'");
  EXPECT_THAT(yaml_error("train.epochs: 1.5"), testing::HasSubstr("expected an integer"));
  EXPECT_THAT(yaml_error("train.epochs: 99999999999999999999"), testing::HasSubstr("expected an integer"));
  EXPECT_THAT(yaml_error("train.epochs:"), testing::HasSubstr("expected an integer"));
  EXPECT_THAT(yaml_error("train.epochs: [1]"), testing::HasSubstr("got [1]"));
  EXPECT_THAT(yaml_error("train.shuffle: 2"), testing::HasSubstr("expected true or false, got '2'"));
  EXPECT_THAT(yaml_error("train.learning_rate: .nan"), testing::HasSubstr("expected a number from 0 to 1"));
  EXPECT_THAT(yaml_error("train.weights: 0.5"), testing::HasSubstr("expected a list of numbers from 0 to 1"));
  EXPECT_THAT(set_error("train.weights=[0.5"), testing::HasSubstr("expected a list of numbers"));
  EXPECT_THAT(set_error("train.epochs=0x10"), testing::HasSubstr("expected an integer"));
}

TEST(ConfigurationTest, AValueOutOfRangeOrOutOfTheChoicesIsRefused) {
  EXPECT_THAT(yaml_error("train.epochs: 0"), testing::HasSubstr("from 1 to 100000, got '0'"));
  EXPECT_THAT(yaml_error("train.weights: [0.5, 1.5]"), testing::HasSubstr("got [0.5, 1.5]"));
  EXPECT_THAT(yaml_error("train.loss: mse"), testing::HasSubstr("expected one of bpr, bce, got 'mse'"));
  EXPECT_THAT(yaml_error("train.features: [genres, age]"), testing::HasSubstr("expected a list out of genres, year"));
  EXPECT_THAT(set_error("seed=-1"), testing::HasSubstr("an integer of at least 0"));
}

TEST(ConfigurationTest, AKeyThatIsSetTwiceInAFileIsRefusedWithBothLines) {
  EXPECT_EQ(yaml_error("seed: 1\ntrain:\n  epochs: 2\nseed: 3\n"),
            "a.yaml:4: key 'seed' is set twice, first at a.yaml:1");
  EXPECT_EQ(yaml_error("train:\n  epochs: 2\ntrain.epochs: 3\n"),
            "a.yaml:3: key 'train.epochs' is set twice, first at a.yaml:2");
}

TEST(ConfigurationTest, SectionsAndKeysAreToldApart) {
  EXPECT_THAT(yaml_error("train: 5\n"), testing::HasSubstr("'train' is a section"));
  EXPECT_THAT(yaml_error("train:\n"), testing::HasSubstr("'train' is a section"));
  EXPECT_THAT(yaml_error("seed:\n  value: 5\n"),
              testing::HasSubstr("key 'seed': expected an integer of at least 0, not a section"));
  EXPECT_THAT(yaml_error("seed: {}\n"), testing::HasSubstr("'seed' is an empty section"));
}

TEST(ConfigurationTest, WhatIsNoYamlMapIsRefusedWithItsPlace) {
  EXPECT_THAT(yaml_error("train:\n  epochs: [1, 2\n"), testing::StartsWith("a.yaml:"));
  EXPECT_THAT(yaml_error("train:\n  epochs: [1, 2\n"), testing::HasSubstr("not valid YAML"));
  EXPECT_THAT(yaml_error("train:\n\tepochs: 1\n"), testing::HasSubstr("not valid YAML"));
  EXPECT_EQ(yaml_error("- a\n- b\n"), "a.yaml:1: expected 'key: value' lines");
  EXPECT_THAT(yaml_error("seed: 1\n---\nseed: 2\n"), testing::HasSubstr("a.yaml:2: expected one YAML document"));
  EXPECT_THAT(yaml_error(", seed: [1, 2]}\nx: 1\n"), testing::HasSubstr("expected one YAML document"));
  EXPECT_THAT(yaml_error("[a, b]: 1\n"), testing::HasSubstr("expected a plain text as the key"));
  EXPECT_THAT(yaml_error("train.weights: [[1]]\n"), testing::HasSubstr("expected a list of single values"));
  EXPECT_EQ(yaml_error("seed: \xFF\n"), "a.yaml: expected UTF-8 text");
  EXPECT_THAT(yaml_error("train: *missing\n"), testing::HasSubstr("not valid YAML"));
  EXPECT_THAT(yaml_error(std::string(100000, '[')), testing::HasSubstr("not valid YAML"));
}

TEST(ConfigurationTest, AnAliasThatContainsItselfEndsInAnError) {
  EXPECT_THAT(yaml_error("train: &a\n  b: *a\n"), testing::HasSubstr("nests too deep"));
}

TEST(ConfigurationTest, AnEmptyFileChangesNothing) {
  EXPECT_EQ(yaml_error(""), "no error");
  EXPECT_EQ(yaml_error("# only a comment\n"), "no error");
}

TEST(ConfigurationTest, ARefusedFileLeavesTheConfigurationAsItWas) {
  Configuration configuration(table());
  EXPECT_THROW(configuration.load_yaml_text("seed: 5\nnothing: 1\n", "a.yaml"), UsageError);
  EXPECT_EQ(configuration.read<DataOptions>().seed, 1);
}

TEST(ConfigurationTest, AMissingFileIsAUsageErrorWithItsName) {
  Configuration configuration(table());
  try {
    configuration.load_yaml("/nonexistent/a.yaml");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("/nonexistent/a.yaml: cannot be opened"));
  }
}

TEST(ConfigurationTest, AnAssignmentWithoutAnEqualsSignIsRefused) {
  EXPECT_EQ(set_error("train.epochs"), "--set: expected key=value, got 'train.epochs'");
}

TEST(ConfigurationTest, CanonicalTextIsTheSameForEqualValuesAndFiltersByPrefix) {
  Configuration a(table());
  a.set("train.learning_rate=1e-2");
  a.set("train.shuffle=Yes");
  Configuration b(table());
  b.load_yaml_text("train: {learning_rate: 0.010, shuffle: true}", "b.yaml");
  EXPECT_EQ(a.canonical({"train.l", "seed"}), "seed=1\ntrain.learning_rate=0.01\ntrain.loss=bpr\n");
  EXPECT_EQ(a.canonical(), b.canonical());
  b.set("train.loss=bce");
  EXPECT_NE(a.canonical(), b.canonical());
}

TEST(ConfigurationTest, TheYamlOfAConfigurationReadsBackAsTheSameConfiguration) {
  Configuration configuration(table());
  configuration.set("data.source.title", "caf\xC3\xA9 \"x\\y\"\n\x01: null", "test");
  configuration.set("train.weights=0.1,0.7");
  Configuration again(table());
  again.load_yaml_text(configuration.to_yaml(), "again.yaml");
  EXPECT_EQ(again.canonical(), configuration.canonical());
  EXPECT_EQ(again.read<DataOptions>().title, configuration.read<DataOptions>().title);
  EXPECT_EQ(Configuration(table()).to_yaml(),
            "data:\n  source:\n    title: \"it's: a \\\"test\\\"\"\nseed: 1\ntrain:\n  epochs: 300\n  features: []\n"
            "  learning_rate: 0.001\n  loss: bpr\n  shuffle: true\n  weights: [0.5, 1]\n");
}

TEST(ConfigurationTest, ReadingOptionsThatTheTableDoesNotKnowIsAnInternalError) {
  auto partial = std::make_shared<OptionTable>();
  partial->add<DataOptions>();
  EXPECT_THROW((void)Configuration(partial).read<TrainOptions>(), InternalError);
}

}  // namespace
}  // namespace llama4rec::config
