#include "evaluation/evaluation_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "config/configuration.h"

namespace llama4rec::evaluation {
namespace {

using ::testing::ElementsAre;

config::Configuration configuration() {
  auto table = std::make_shared<config::OptionTable>();
  table->add<EvaluationOptions>();
  return config::Configuration(table);
}

TEST(EvaluationOptions, DefaultToTheTextbookProtocolOverAllUsers) {
  const auto options = configuration().read<EvaluationOptions>();
  EXPECT_TRUE(options.textbook());
  EXPECT_FALSE(options.warm_only());
  EXPECT_THAT(integer_cutoffs(options), ElementsAre(3, 5, 10));
}

TEST(EvaluationOptions, AreReadFromTheConfiguration) {
  auto values = configuration();
  values.set("evaluation.protocol=selfrec");
  values.set("evaluation.users=warm");
  values.set("evaluation.cutoffs=20,1,20");
  const auto options = values.read<EvaluationOptions>();
  EXPECT_FALSE(options.textbook());
  EXPECT_TRUE(options.warm_only());
  EXPECT_THAT(integer_cutoffs(options), ElementsAre(1, 20));
}

TEST(EvaluationOptions, RefuseOtherProtocolsAndCutoffsThatAreNoPositiveWholeNumbers) {
  EXPECT_THROW(configuration().set("evaluation.protocol=other"), UsageError);
  EXPECT_THROW(configuration().set("evaluation.cutoffs=0"), UsageError);
  EXPECT_THROW(integer_cutoffs({.cutoffs = {2.5}}), UsageError);
  EXPECT_THROW(integer_cutoffs({.cutoffs = {}}), UsageError);
}

}  // namespace
}  // namespace llama4rec::evaluation
