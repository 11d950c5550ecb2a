// A run on a user's checkpoint: its options, the wording of its prompts, the keys of its stages, what the leak guard is told.
#include "pipeline/run_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "llm/embedded_llm.h"
#include "pipeline/language_model_note.h"
#include "pipeline/language_model_stages.h"
#include "support/log_capture.h"
#include "unit/llm/support.h"
#include "unit/pipeline/tiny_setup.h"

namespace llama4rec::pipeline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

/// Two users with five positives each.
std::unique_ptr<RunSetup> setup_with(const std::vector<std::string>& assignments) {
  return testing::tiny_setup(
      llama4rec::testing::tiny_dataset(
          {{{0, 5}, {1, 5}, {2, 5}, {3, 5}, {4, 5}}, {{4, 5}, {3, 5}, {2, 5}, {1, 5}, {0, 5}}}, 6),
      assignments);
}

class RunOnCheckpoint : public ::testing::Test {
 protected:
  RunOnCheckpoint() : tokenizer_(llm::testing::small_tokenizer_file(folder_)) { make("model", 3); }
  void make(const std::string& name, std::uint64_t seed) const {
    llm::EmbeddedLlm::create(tokenizer_, llm::testing::tiny_options(), seed, torch::kCPU)->save(folder_ / name);
  }
  [[nodiscard]] std::unique_ptr<RunSetup> setup(const std::string& name, std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"llm.kind=checkpoint", "llm.checkpoint=" + (folder_ / name).string()});
    return setup_with(more);
  }
  [[nodiscard]] std::string key(const RunSetup& setup) const {
    StageStore store(folder_ / "stages");
    return checkpoint_stage(store, setup).stage.key;
  }

  llm::testing::TemporaryFolder folder_;
  std::filesystem::path tokenizer_;
};

TEST_F(RunOnCheckpoint, OptionsThatContradictEachOtherAreRefused) {
  const auto refused = [](const std::vector<std::string>& assignments) {
    return [assignments] { setup_with(assignments); };
  };
  EXPECT_THAT(refused({"llm.kind=checkpoint"}), ThrowsMessage<UsageError>(HasSubstr("llm.checkpoint is empty")));
  EXPECT_THAT(refused({"llm.kind=checkpoint", "llm.checkpoint=/no/such/folder"}),
              ThrowsMessage<UsageError>(HasSubstr("llm.checkpoint: /no/such/folder is no folder")));
  EXPECT_THAT(
      refused({"llm.checkpoint=/models/a"}),
      ThrowsMessage<UsageError>(AllOf(HasSubstr("llm.checkpoint is /models/a"), HasSubstr("llm.kind is embedded"))));
  EXPECT_THAT(refused({"llm.kind=remote", "llm.checkpoint=/models/a"}),
              ThrowsMessage<UsageError>(HasSubstr("llm.kind is remote")));
  std::filesystem::create_directory(folder_ / "empty");
  EXPECT_THAT(refused({"llm.kind=checkpoint", "llm.checkpoint=" + (folder_ / "empty").string()}),
              ThrowsMessage<DataError>(HasSubstr("config.json: cannot be opened")));
}

TEST_F(RunOnCheckpoint, TheLogNamesTheOptionsThatDecideNothing) {
  const llama4rec::testing::LogCapture log;
  (void)setup("model", {"llm.hidden=64", "pretraining.epochs=3", "tuning.epochs=3"});
  EXPECT_THAT(log.text(), HasSubstr("no effect on a checkpoint: llm.hidden, pretraining.epochs\n"));
  EXPECT_THAT(log.text(), HasSubstr("what the checkpoint model was pre-trained on is not known"));
}

TEST_F(RunOnCheckpoint, NothingIsSaidOfOptionsThatNobodySet) {
  const llama4rec::testing::LogCapture log;
  (void)setup("model");
  EXPECT_THAT(log.text(), Not(HasSubstr("no effect")));
}

TEST_F(RunOnCheckpoint, ACheckpointIsAskedInSentencesUnlessTheUserSaysOtherwise) {
  EXPECT_EQ(setup("model")->prompts.style, "verbose");
  EXPECT_EQ(setup("model", {"prompts.style=compact"})->prompts.style, "compact");
  EXPECT_EQ(setup_with({})->prompts.style, "compact");
}

TEST_F(RunOnCheckpoint, IsTunedUnlessTheEpochsAreNone) {
  EXPECT_TRUE(setup("model")->tunes);
  EXPECT_FALSE(setup("model", {"tuning.epochs=0"})->tunes);
  EXPECT_FALSE(setup_with({"tuning.epochs=0"})->tunes);
  EXPECT_FALSE(setup_with({"llm.kind=remote"})->tunes);
}

TEST_F(RunOnCheckpoint, StagesAreThoseOfTheContentNotOfThePath) {
  std::filesystem::copy(folder_ / "model", folder_ / "copy", std::filesystem::copy_options::recursive);
  make("other", 4);
  const auto model = key(*setup("model"));
  EXPECT_EQ(key(*setup("copy")), model);
  EXPECT_NE(key(*setup("other")), model);
}

TEST_F(RunOnCheckpoint, AnotherFrameOfPromptsMakesOtherStages) {
  EXPECT_NE(key(*setup("model", {"llm.chat_template=llama2"})), key(*setup("model")));
}

TEST_F(RunOnCheckpoint, TheCheckpointItselfIsOpenedNotACopy) {
  const auto run = setup("model");
  StageStore store(folder_ / "stages");
  const RunModel model = checkpoint_stage(store, *run);
  EXPECT_EQ(model.folder, folder_ / "model");
  EXPECT_TRUE(std::filesystem::exists(model.stage.path / "done.json"));
  EXPECT_FALSE(std::filesystem::exists(model.stage.path / "model"));
  const data::LeakGuard guard(run->dataset(), {&run->direct, &run->sequential, &run->rating},
                              InteractionSet(run->dataset().size()));
  const auto opened = open_language_model(*run, guard, data::Phase::kTest, model);
  EXPECT_EQ(opened->parameters(), run->checkpoint->parameters);
}

TEST_F(RunOnCheckpoint, AdaptersAreOpenedOverTheCheckpointThatIsAskedForWhateverLiesWhereItWas) {
  const auto base = llm::EmbeddedLlm::load(folder_ / "model", torch::kCPU);
  llm::TuningOptions options;
  options.epochs = 1;
  options.method = "lora";
  (void)base->train(
      [](std::int64_t) { return std::vector<llm::TrainingText>{{.segments = {"Alien"}, .learn = {true}}}; }, options, 1,
      {});
  base->save_adapters(folder_ / "adapters");
  const auto before = llm::EmbeddedLlm::load(folder_ / "adapters", torch::kCPU)->fingerprint();
  std::filesystem::rename(folder_ / "model", folder_ / "moved");
  make("model", 4);  // another model where the adapters say that their base is

  const auto run = setup("moved");
  const data::LeakGuard guard(run->dataset(), {&run->direct, &run->sequential, &run->rating},
                              InteractionSet(run->dataset().size()));
  const RunModel tuned{.folder = folder_ / "adapters",
                       .base = folder_ / "moved",
                       .provenance = {.what = "tuned", .interactions = InteractionSet(run->dataset().size())}};
  EXPECT_EQ(open_language_model(*run, guard, data::Phase::kTest, tuned)->fingerprint(), before);
}

TEST_F(RunOnCheckpoint, AModelThatReadATestItemIsNotOpened) {
  const auto run = setup("model");
  StageStore store(folder_ / "stages");
  RunModel model = checkpoint_stage(store, *run);
  model.provenance.interactions.insert(run->direct.test(0));
  const data::LeakGuard guard(run->dataset(), {&run->direct, &run->sequential, &run->rating},
                              InteractionSet(run->dataset().size()));
  EXPECT_THROW(open_language_model(*run, guard, data::Phase::kTest, model), data::LeakError);
}

TEST_F(RunOnCheckpoint, TheNoteNamesTheModelAndWhatIsNotKnown) {
  const auto run = setup("model", {"tuning.epochs=0"});
  const auto facts = language_model_facts(*run, {});
  EXPECT_EQ(facts.at("pretraining"), "unknown");
  EXPECT_EQ(facts.at("fingerprint"), run->checkpoint->fingerprint);
  EXPECT_THAT(language_model_sentence(facts),
              AllOf(HasSubstr("Language model: model (checkpoint), "), HasSubstr(" parameters, fingerprint "),
                    HasSubstr(", not tuned. What it was pre-trained on is not known")));
}

TEST(LanguageModelNote, NamesWhatARunMadeItself) {
  const auto run = setup_with({});
  const auto facts = language_model_facts(*run, {{"pretrain", {{"parameters", 29536}}}});
  EXPECT_EQ(language_model_sentence(facts),
            "Language model: made on the spot, 29,536 parameters, tuned on this run's instructions.");
}

TEST(LanguageModelNote, NamesAServersModel) {
  const auto run = setup_with({"llm.kind=remote"});
  const auto facts = language_model_facts(*run, {{"remote-model", {{"model", "tiny"}}}});
  EXPECT_EQ(
      language_model_sentence(facts),
      "Language model: tiny (remote), not tuned. What it was pre-trained on is not known: it may have read what the "
      "test asks for.");
}

}  // namespace
}  // namespace llama4rec::pipeline
