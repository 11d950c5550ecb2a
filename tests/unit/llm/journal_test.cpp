// The journal: nothing is asked twice, nothing committed is lost, a bad file gives one clear line.
#include "llm/journal.h"

#include <csignal>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/atomic_file.h"
#include "core/interrupt.h"
#include "llm/completion_json.h"
#include "llm/sqlite.h"
#include "unit/llm/support.h"

namespace llama4rec::llm {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

/// Answers with numbers that depend on the request alone, and counts what it is asked.
class FakeModel : public LanguageModel {
 public:
  std::vector<Completion> complete(std::span<const CompletionRequest> requests, const CompletionProgress&) override {
    ++calls;
    std::vector<Completion> answers;
    for (const auto& request : requests) {
      if (milliseconds > 0) usleep(static_cast<useconds_t>(1000 * milliseconds));
      asked.push_back(request.prompt.joined());
      const double value = 1.0 / (3.0 + static_cast<double>(request.prompt.joined().size()));
      answers.push_back({.text = "answer to " + request.prompt.joined(),
                         .order = {1, 0},
                         .option_log_probabilities = {-value, -1e-300},
                         .option_sequence_log_probabilities = {-value * 7, -std::numeric_limits<double>::infinity()},
                         .prompt_tokens = 5,
                         .answer_tokens = 2});
    }
    return answers;
  }
  [[nodiscard]] std::int64_t count_tokens(const std::string& segment) const override {
    return static_cast<std::int64_t>(segment.size());
  }
  [[nodiscard]] std::int64_t context_length() const override { return 99; }
  [[nodiscard]] std::string fingerprint() const override { return name; }

  std::string name = "fake";
  int milliseconds = 0;
  int calls = 0;
  std::vector<std::string> asked;
};

std::vector<CompletionRequest> requests_of(int count) {
  std::vector<CompletionRequest> requests;
  for (int i = 0; i < count; ++i) {
    requests.push_back({.prompt = {{"question ", std::to_string(i)}},
                        .grammar = {.kind = AnswerKind::kPermutation, .options = {"a", "b"}, .separator = "; "}});
  }
  return requests;
}

void expect_equal(const std::vector<Completion>& a, const std::vector<Completion>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].text, b[i].text);
    EXPECT_EQ(a[i].order, b[i].order);
    EXPECT_EQ(a[i].option_log_probabilities, b[i].option_log_probabilities) << "bit by bit";
    EXPECT_EQ(a[i].option_sequence_log_probabilities, b[i].option_sequence_log_probabilities);
    EXPECT_EQ(a[i].prompt_tokens, b[i].prompt_tokens);
    EXPECT_EQ(a[i].answer_tokens, b[i].answer_tokens);
  }
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InternalError& error) {
    return error.what();
  }
  return "no InternalError";
}

TEST(Journal, AsksNothingTwiceAndGivesTheSameAnswers) {
  const TemporaryFolder folder;
  FakeModel model;
  const auto requests = requests_of(10);
  std::vector<Completion> first;
  {
    JournaledModel journal(model, folder / "journal.sqlite", 4);
    std::vector<std::int64_t> progress;
    first = journal.complete(requests, [&](std::int64_t answered) { progress.push_back(answered); });
    EXPECT_THAT(progress, ::testing::ElementsAre(4, 8, 10));
    EXPECT_EQ(journal.accounting().asked, 10);
    EXPECT_EQ(journal.accounting().prompt_tokens, 50);
    EXPECT_EQ(journal.accounting().answer_tokens, 20);
  }
  EXPECT_EQ(model.calls, 3);
  JournaledModel journal(model, folder / "journal.sqlite", 4);
  const auto second = journal.complete(requests, {});
  EXPECT_EQ(model.calls, 3);
  EXPECT_EQ(journal.accounting().reused, 10);
  EXPECT_EQ(journal.accounting().asked, 0);
  EXPECT_EQ(journal.accounting().prompt_tokens, 0);
  EXPECT_EQ(journal.accounting().reused_prompt_tokens, 50);
  EXPECT_EQ(journal.accounting().reused_answer_tokens, 20);
  expect_equal(first, second);
  EXPECT_FALSE(first[0].from_journal);
  EXPECT_TRUE(second[0].from_journal);
}

TEST(Journal, AsksAgainWhenAnythingThatDecidesTheAnswerChanges) {
  const TemporaryFolder folder;
  FakeModel model;
  JournaledModel journal(model, folder / "journal.sqlite", 1);
  const auto base = requests_of(1)[0];
  std::vector<CompletionRequest> variants(7, base);
  variants[1].prompt.segments = {"question 0"};  // the same text in other segments: other tokens
  variants[2].grammar.options = {"b", "a"};
  variants[3].grammar.separator = ", ";
  variants[4].grammar.kind = AnswerKind::kChoice;
  variants[5].grammar.generate_first = 1;
  variants[6].maximum_tokens = 7;
  (void)journal.complete(variants, {});
  EXPECT_EQ(model.calls, 7);
  (void)journal.complete(variants, {});
  EXPECT_EQ(model.calls, 7);
  model.name = "fake, tuned";
  (void)journal.complete(variants, {});
  EXPECT_EQ(model.calls, 14);
}

TEST(Journal, KeysCannotBeConfusedByMovingTextBetweenFields) {
  CompletionRequest a{.prompt = {{"x", "y"}}};
  CompletionRequest b{.prompt = {{"x1:y"}}};
  CompletionRequest c{.prompt = {{"x"}}, .grammar = {.options = {"y"}}};
  EXPECT_NE(canonical_request(a), canonical_request(b));
  EXPECT_NE(canonical_request(a), canonical_request(c));
  a.prompt.segments = {"1:a;", ""};
  b.prompt.segments = {"", "1:a;"};
  EXPECT_NE(canonical_request(a), canonical_request(b));
}

TEST(Journal, AsksAWholeBatchAgainWhereOneAnswerIsMissing) {
  const TemporaryFolder folder;
  FakeModel model;
  const auto requests = requests_of(8);
  {
    JournaledModel journal(model, folder / "journal.sqlite", 4);
    (void)journal.complete(std::span(requests).first(6), {});
  }
  model.asked.clear();
  JournaledModel journal(model, folder / "journal.sqlite", 4);
  (void)journal.complete(requests, {});
  EXPECT_THAT(model.asked, ::testing::ElementsAre("question 4", "question 5", "question 6", "question 7"))
      << "the composition of the batch is the uninterrupted run's";
}

TEST(Journal, GivesEqualRequestsTheFirstAnswerWhateverBatchesTheyStandIn) {
  /// Every answer differs, as rounding differs between batches.
  class CountingModel : public FakeModel {
   public:
    std::vector<Completion> complete(std::span<const CompletionRequest> requests,
                                     const CompletionProgress& progress) override {
      auto answers = FakeModel::complete(requests, progress);
      for (auto& answer : answers) answer.option_log_probabilities = {-1.0 * ++given_, 0};
      return answers;
    }

   private:
    double given_ = 0;
  };
  const TemporaryFolder folder;
  const auto questions = requests_of(3);
  // Batches of two: the second and third question stand in two batches, the first twice in one.
  const std::vector<CompletionRequest> requests{questions[0], questions[0], questions[1],
                                                questions[2], questions[2], questions[1]};
  CountingModel model;
  JournaledModel journaled(model, folder / "journal.sqlite", 2);
  const auto answers = journaled.complete(requests, {});
  const auto first = [&](std::size_t i) { return answers[i].option_log_probabilities.front(); };
  EXPECT_EQ(first(0), first(1));
  EXPECT_EQ(first(2), first(5));
  EXPECT_EQ(first(3), first(4));
  EXPECT_NE(first(2), first(3));
  CountingModel other;
  JournaledModel resumed(other, folder / "journal.sqlite", 2);
  expect_equal(answers, resumed.complete(requests, {}));
  EXPECT_EQ(other.calls, 0);
}

TEST(Journal, LosesNothingWhenTheProcessIsKilled) {
  const TemporaryFolder folder;
  const auto file = folder / "journal.sqlite";
  const auto requests = requests_of(40);
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    FakeModel slow;
    slow.milliseconds = 10;
    JournaledModel journal(slow, file, 5);
    (void)journal.complete(requests, [&](std::int64_t answered) {
      if (answered == 15) [[maybe_unused]]
        const auto n = write(ready[1], "x", 1);
    });
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  usleep(20'000);  // into the middle of the fourth batch
  kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child must not have finished";

  FakeModel model;
  JournaledModel journal(model, file, 5);
  const auto resumed = journal.complete(requests, {});
  EXPECT_GE(journal.accounting().reused, 15);
  EXPECT_EQ(journal.accounting().reused % 5, 0) << "batches are stored whole";
  EXPECT_EQ(journal.accounting().asked + journal.accounting().reused, 40);
  EXPECT_EQ(model.asked.front(), fmt::format("question {}", journal.accounting().reused));
  FakeModel another;
  expect_equal(resumed, another.complete(requests, {}));
}

TEST(Journal, StopsBeforeTheNextQuestionWhenInterruptedButStillReads) {
  const TemporaryFolder folder;
  FakeModel model;
  JournaledModel journal(model, folder / "journal.sqlite", 4);
  const auto requests = requests_of(8);
  (void)journal.complete(std::span(requests).first(4), {});
  request_interrupt(true);
  EXPECT_EQ(journal.complete(std::span(requests).first(4), {}).size(), 4U);
  EXPECT_THROW((void)journal.complete(requests, {}), InterruptedError);
  request_interrupt(false);
}

TEST(Journal, KeepsPromptsAndAnswersReadable) {
  const TemporaryFolder folder;
  FakeModel model;
  std::vector<CompletionRequest> requests(1);
  requests[0].prompt.segments = {"Caf\xC3\xA9 ", "\xFF broken"};
  {
    JournaledModel journal(model, folder / "journal.sqlite");
    (void)journal.complete(requests, {});
    EXPECT_EQ(journal.complete(requests, {})[0].text, "answer to Caf\xC3\xA9 \xFF broken");
  }
  Database database(folder / "journal.sqlite");
  Statement statement(database, "SELECT prompt, prompt_tokens FROM answers");
  ASSERT_TRUE(statement.step());
  EXPECT_EQ(statement.text(0), "Caf\xC3\xA9 \xEF\xBF\xBD broken");
  EXPECT_EQ(statement.integer(1), 5);
}

TEST(Journal, SaysThatTheFileIsLocked) {
  const TemporaryFolder folder;
  FakeModel model;
  JournaledModel journal(model, folder / "journal.sqlite", 4);
  Database other(folder / "journal.sqlite");
  other.execute("BEGIN IMMEDIATE");
  const auto message = message_of([&] { (void)journal.complete(requests_of(1), {}); });
  EXPECT_THAT(message, HasSubstr("journal.sqlite"));
  EXPECT_THAT(message, HasSubstr("another process is using it"));
}

TEST(Journal, SaysThatTheFileIsDamagedOrNoDatabase) {
  const TemporaryFolder folder;
  FakeModel model;
  const auto file = folder / "journal.sqlite";
  std::ofstream(file) << std::string(5000, 'x');
  const auto message = message_of([&] { JournaledModel journal(model, file); });
  EXPECT_THAT(message, HasSubstr("journal.sqlite"));
  EXPECT_THAT(message, HasSubstr("damaged or no database"));
}

TEST(Journal, SaysThatAStoredAnswerIsDamaged) {
  const TemporaryFolder folder;
  FakeModel model;
  const auto file = folder / "journal.sqlite";
  JournaledModel journal(model, file);
  (void)journal.complete(requests_of(2), {});
  Database(file).execute("UPDATE answers SET answer = '{\"text\": 3'");
  EXPECT_THAT(message_of([&] { (void)journal.complete(requests_of(2), {}); }), HasSubstr("stored answer is damaged"));
}

TEST(Journal, RefusesAnotherSchemaAndAnImpossiblePlace) {
  const TemporaryFolder folder;
  FakeModel model;
  const auto file = folder / "journal.sqlite";
  { JournaledModel journal(model, file); }
  Database(file).execute("PRAGMA user_version=77");
  EXPECT_THAT(message_of([&] { JournaledModel journal(model, file); }), HasSubstr("schema version 77"));
  EXPECT_THAT(message_of([&] { JournaledModel journal(model, folder / "missing" / "j.sqlite"); }),
              HasSubstr("cannot open the database"));
  EXPECT_THROW(JournaledModel(model, folder / "b.sqlite", 0), UsageError);
}

TEST(Journal, SaysThatTheFileIsReadOnly) {
  const TemporaryFolder folder;
  FakeModel model;
  const auto file = folder / "journal.sqlite";
  { JournaledModel journal(model, file); }
  using std::filesystem::perms;
  const auto readable = perms::owner_read | perms::group_read | perms::others_read;
  std::filesystem::permissions(file, readable);
  std::filesystem::permissions(folder.path(), readable | perms::owner_exec | perms::group_exec | perms::others_exec);
  int result[2];
  ASSERT_EQ(pipe(result), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Root may write everywhere; nobody may not.
    if (geteuid() == 0 && setuid(65534) != 0) _exit(1);
    const auto message = message_of([&] { JournaledModel journal(model, file); });
    [[maybe_unused]] const auto n = write(result[1], message.data(), message.size());
    _exit(0);
  }
  close(result[1]);
  std::string message(1000, ' ');
  message.resize(static_cast<std::size_t>(std::max<ssize_t>(0, read(result[0], message.data(), message.size()))));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  std::filesystem::permissions(folder.path(), perms::owner_all);
  EXPECT_THAT(message, HasSubstr("journal.sqlite"));
  EXPECT_THAT(message, HasSubstr("must be writable"));
}

TEST(CompletionJson, SurvivesTextOfEveryKind) {
  Completion completion{.text = std::string("\0\xFF\"\\\n", 5),
                        .order = {2, 0, 1},
                        .option_log_probabilities = {-0.1, -std::numeric_limits<double>::infinity(), -1e-17},
                        .option_sequence_log_probabilities = {},
                        .prompt_tokens = 7,
                        .answer_tokens = 3};
  const auto read = completion_from_json(completion_to_json(completion));
  EXPECT_EQ(read.text, completion.text);
  EXPECT_EQ(read.option_log_probabilities, completion.option_log_probabilities);
  EXPECT_THROW((void)completion_from_json("{}"), InternalError);
  EXPECT_THROW((void)completion_from_json("[1"), InternalError);
}

}  // namespace
}  // namespace llama4rec::llm
