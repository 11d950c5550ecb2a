// The client against a real HTTP server that misbehaves.
#include "llm/remote/remote_llm.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/interrupt.h"
#include "llm/journal.h"
#include "support/log_capture.h"
#include "unit/llm/misbehaving_server.h"
#include "unit/llm/support.h"

namespace llama4rec::llm {
namespace {

using llama4rec::testing::LogCapture;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MisbehavingServer;
using ::testing::Not;
using testing::TemporaryFolder;

constexpr const char* kKey = "sk-test-Zx81-do-not-show";
constexpr const char* kKeyVariable = "LLAMA4REC_TEST_KEY";

RemoteOptions options_for(const MisbehavingServer& server) {
  RemoteOptions options;
  options.endpoints = {server.address()};
  options.model = "m";
  options.key_variable = "LLAMA4REC_NO_SUCH_VARIABLE";
  options.constraint = "none";
  options.timeout_s = 5;
  options.retries = 3;
  options.backoff_s = 0.002;
  options.backoff_limit_s = 0.01;
  return options;
}

CompletionRequest ranking(const std::string& prompt) {
  return {.prompt = {{prompt}},
          .grammar = {.kind = AnswerKind::kPermutation, .options = {"Heat", "Alien", "Jaws"}, .separator = "; "}};
}

std::vector<CompletionRequest> rankings(int count) {
  std::vector<CompletionRequest> requests;
  for (int i = 0; i < count; ++i) requests.push_back(ranking(fmt::format("question {}", i)));
  return requests;
}

CompletionRequest rating() {
  return {.prompt = {{"rate"}}, .grammar = {.kind = AnswerKind::kChoice, .options = {"1", "2", "3"}, .separator = ""}};
}

std::string content_of(const json& body) { return body["messages"].back()["content"].get<std::string>(); }

template <class Problem>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Problem& error) {
    return error.what();
  }
  return "no such error";
}

TEST(RemoteLlm, AnswersEveryRequestInItsPlaceWithBoundedConcurrency) {
  MisbehavingServer server;
  server.usual = [](const json& body, httplib::Response& response) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    const bool even = (content_of(body).back() - '0') % 2 == 0;
    MisbehavingServer::answer(response, even ? "Jaws; Alien; Heat" : "Alien; Heat; Jaws");
  };
  auto options = options_for(server);
  options.concurrency = 6;
  options.price_input = 1000;
  options.price_output = 10'000;
  const auto model = RemoteLlm::connect(options, 1);
  std::vector<std::int64_t> progress;
  const auto probes = model->account().requests;
  const auto answers = model->complete(rankings(40), [&](std::int64_t answered) { progress.push_back(answered); });
  ASSERT_EQ(answers.size(), 40U);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].text, i % 2 == 0 ? "Jaws; Alien; Heat" : "Alien; Heat; Jaws");
    EXPECT_EQ(answers[i].prompt_tokens, 10);
    EXPECT_THAT(answers[i].option_log_probabilities, IsEmpty());
  }
  EXPECT_EQ(progress.size(), 40U);
  EXPECT_EQ(progress.back(), 40);
  EXPECT_GT(server.most_in_flight(), 1);
  EXPECT_LE(server.most_in_flight(), 6);
  const auto& account = model->account();
  EXPECT_EQ(account.questions, 40);
  EXPECT_EQ(account.answered, 40);
  EXPECT_EQ(account.requests, 40 + probes);
  EXPECT_EQ(account.repaired, 0);
  EXPECT_EQ(account.statuses.at(200), account.requests);
  // Every response but the list of models has 10 + 4 tokens.
  EXPECT_EQ(account.prompt_tokens, 10 * (account.requests - 1));
  EXPECT_DOUBLE_EQ(account.cost(), static_cast<double>(account.requests - 1) * (10 * 0.001 + 4 * 0.01));
}

TEST(RemoteLlm, ComesThroughEveryKindOfTrouble) {
  MisbehavingServer server;
  server.usual = MisbehavingServer::says("Jaws; Alien; Heat");
  const auto model = RemoteLlm::connect(options_for(server), 1);
  server.schedule({MisbehavingServer::status(500), MisbehavingServer::cut(), MisbehavingServer::raw("{\"choices\": ["),
                   MisbehavingServer::status(429, "slow down", "0"), MisbehavingServer::raw("{\"choices\": []}"),
                   MisbehavingServer::raw(""), MisbehavingServer::raw(std::string(std::size_t{17} << 20U, ' '))});
  const auto answers = model->complete(rankings(8), {});
  for (const auto& answer : answers) EXPECT_THAT(answer.order, ElementsAre(2, 1, 0));
  const auto& account = model->account();
  EXPECT_EQ(account.repeated, 7);
  EXPECT_EQ(account.statuses.at(500), 1);
  EXPECT_EQ(account.statuses.at(429), 1);
  EXPECT_EQ(account.statuses.at(0), 2) << "the cut connection and the huge body";
  EXPECT_EQ(account.invalid_documents, 3);
  EXPECT_THAT(account.line(), HasSubstr("8 questions, 8 answered"));
  EXPECT_THAT(account.line(), HasSubstr("7 repeated"));
}

TEST(RemoteLlm, ASlowServerIsGivenUpAfterTheTimeOut) {
  MisbehavingServer server;
  auto options = options_for(server);
  options.timeout_s = 0.2;
  options.retries = 1;
  const auto model = RemoteLlm::connect(options, 1);
  server.schedule({MisbehavingServer::slow(400, MisbehavingServer::says("Jaws; Alien; Heat")),
                   MisbehavingServer::slow(400, MisbehavingServer::says("Jaws; Alien; Heat"))});
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(message_of<RemoteError>([&] { (void)model->complete(rankings(1), {}); }),
              HasSubstr("no answer within 0.2 s (llm.timeout, llm.connect_timeout); the request was sent 2 times"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_EQ(model->account().timeouts, 2);
}

TEST(RemoteLlm, WhatCannotBeReadIsAskedAgainWithAReminderAndThenFallsBack) {
  MisbehavingServer server;
  server.usual = MisbehavingServer::says("I would rather not.");
  auto options = options_for(server);
  options.answer_retries = 2;
  const auto model = RemoteLlm::connect(options, 1);
  const auto before = server.bodies().size();
  server.schedule({MisbehavingServer::says("no idea"), MisbehavingServer::says("2. heat\n1. Alien")});
  const auto repaired = model->complete(rankings(1), {});
  EXPECT_THAT(repaired[0].order, ElementsAre(0, 1, 2));
  EXPECT_EQ(repaired[0].text, "Heat; Alien; Jaws") << "as it was understood";
  EXPECT_EQ(repaired[0].outcome, AnswerOutcome::kAnswered);
  EXPECT_EQ(model->account().repaired, 1);
  EXPECT_EQ(content_of(server.bodies()[before]), "question 0");
  EXPECT_EQ(content_of(server.bodies()[before + 1]),
            "question 0\nAnswer with the candidates alone, each once, written as above and separated by \"; \".");

  const auto failed = model->complete(rankings(2), {});
  EXPECT_THAT(failed[0].order, ElementsAre(0, 1, 2)) << "the options' own order";
  EXPECT_EQ(failed[0].outcome, AnswerOutcome::kFallback);
  const auto rated = model->complete(std::vector{rating()}, {});
  EXPECT_EQ(rated[0].outcome, AnswerOutcome::kDropped) << "no option is the conventional one";
  EXPECT_THAT(rated[0].order, IsEmpty());
  const auto& account = model->account();
  EXPECT_EQ(account.fallbacks, 2);
  EXPECT_EQ(account.dropped, 1);
  EXPECT_EQ(account.answered, 1);
  EXPECT_EQ(account.asked_again, 1 + 2 * 2 + 2);
  EXPECT_EQ(account.unparsable, 1 + 2 * 3 + 3);
}

TEST(RemoteLlm, FallbackAndDropDoNotAskAgain) {
  for (const auto& [policy, outcome] :
       {std::pair("fallback", AnswerOutcome::kFallback), {"drop", AnswerOutcome::kDropped}}) {
    MisbehavingServer server;
    server.usual = MisbehavingServer::says("Casablanca");
    auto options = options_for(server);
    options.on_failure = policy;
    const auto model = RemoteLlm::connect(options, 1);
    EXPECT_EQ(model->complete(rankings(1), {})[0].outcome, outcome);
    EXPECT_EQ(model->account().asked_again, 0);
    EXPECT_EQ(model->account().fallbacks + model->account().dropped, 1);
  }
}

TEST(RemoteLlm, DuplicateOptionsInAnAnswerAreRepaired) {
  MisbehavingServer server;
  server.usual = MisbehavingServer::says("Jaws; Jaws; Alien; Jaws");
  const auto model = RemoteLlm::connect(options_for(server), 1);
  EXPECT_THAT(model->complete(rankings(1), {})[0].order, ElementsAre(2, 1, 0));
  EXPECT_EQ(model->account().repaired, 1);
}

TEST(RemoteLlm, TheJournalHasEveryAnswerThatArrivedBeforeAFailure) {
  const TemporaryFolder folder;
  MisbehavingServer server;
  server.usual = [](const json& body, httplib::Response& response) {
    if (content_of(body) == "question 5") {
      MisbehavingServer::status(400, "bad question")(body, response);
    } else {
      MisbehavingServer::answer(response, "Alien; Jaws; Heat");
    }
  };
  auto options = options_for(server);
  options.concurrency = 1;
  {
    const auto model = RemoteLlm::connect(options, 1);
    JournaledModel journal(*model, folder / "journal.sqlite");
    EXPECT_THAT(message_of<RemoteError>([&] { (void)journal.complete(rankings(10), {}); }),
                HasSubstr("status 400: bad question"));
    EXPECT_EQ(journal.accounting().asked, 5);
  }
  const auto model = RemoteLlm::connect(options, 1);
  JournaledModel journal(*model, folder / "journal.sqlite");
  const auto before = server.bodies().size();
  auto requests = rankings(10);
  requests.erase(requests.begin() + 5);
  requests.push_back(requests[0]);  // twice in one call
  requests.push_back(ranking("new"));
  requests.push_back(ranking("new"));
  std::vector<std::int64_t> progress;
  const auto answers = journal.complete(requests, [&](std::int64_t answered) { progress.push_back(answered); });
  EXPECT_EQ(server.bodies().size() - before, 5U) << "6 to 9 and the new one";
  EXPECT_EQ(journal.accounting().asked, 5);
  EXPECT_EQ(journal.accounting().reused, 7);
  EXPECT_EQ(progress.back(), 12);
  for (const auto& answer : answers) EXPECT_THAT(answer.order, ElementsAre(1, 2, 0));
}

TEST(RemoteLlm, AFallbackIsNotJournaledAsAnAnswer) {
  const TemporaryFolder folder;
  MisbehavingServer server;
  auto options = options_for(server);
  options.on_failure = "fallback";
  const auto model = RemoteLlm::connect(options, 1);
  JournaledModel journal(*model, folder / "journal.sqlite");
  server.schedule({MisbehavingServer::says("???")});
  EXPECT_EQ(journal.complete(rankings(1), {})[0].outcome, AnswerOutcome::kFallback);
  server.schedule({MisbehavingServer::says("Alien; Jaws; Heat")});
  EXPECT_THAT(journal.complete(rankings(1), {})[0].order, ElementsAre(1, 2, 0));
  EXPECT_TRUE(journal.complete(rankings(1), {})[0].from_journal);
}

TEST(RemoteLlm, TheKeyIsSentAndNeverShownOrStored) {
  const TemporaryFolder folder;
  ::setenv(kKeyVariable, kKey, 1);
  MisbehavingServer server;
  server.usual = MisbehavingServer::says(fmt::format("Alien; Jaws; Heat; your key is {}", kKey));
  auto options = options_for(server);
  options.key_variable = kKeyVariable;
  LogCapture log;
  std::string shown;
  {
    const auto model = RemoteLlm::connect(options, 1);
    JournaledModel journal(*model, folder / "journal.sqlite");
    (void)journal.complete(rankings(3), {});
    server.schedule({MisbehavingServer::status(500, fmt::format("crash with {}", kKey)),
                     MisbehavingServer::says(fmt::format("no: {}", kKey)),
                     MisbehavingServer::status(401, fmt::format("{} is wrong", kKey))});
    shown = message_of<RemoteError>([&] {
      (void)journal.complete(std::vector{ranking("a"), ranking("b"), ranking("c")}, {});
    });
    shown += model->account().line() + to_json(model->account()).dump() + model->fingerprint();
  }
  EXPECT_THAT(shown, HasSubstr("[key] is wrong"));
  EXPECT_THAT(log.text(), HasSubstr("crash with [key]"));
  EXPECT_THAT(shown + log.text(), Not(HasSubstr(kKey)));
  for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
    EXPECT_THAT(read_file(file.path()), Not(HasSubstr(kKey))) << file.path();
  }
  for (const auto& header : server.authorizations()) EXPECT_EQ(header, fmt::format("Bearer {}", kKey));
  ::unsetenv(kKeyVariable);
}

TEST(RemoteLlm, ARedirectNeverTakesTheKeyElsewhere) {
  ::setenv(kKeyVariable, kKey, 1);
  MisbehavingServer server;
  MisbehavingServer elsewhere;
  auto options = options_for(server);
  options.key_variable = kKeyVariable;
  const auto model = RemoteLlm::connect(options, 1);
  server.schedule({MisbehavingServer::redirect(elsewhere.address() + "/chat/completions")});
  EXPECT_THAT(message_of<RemoteError>([&] { (void)model->complete(rankings(1), {}); }),
              HasSubstr("redirects are not followed"));
  EXPECT_THAT(elsewhere.authorizations(), IsEmpty());
  ::unsetenv(kKeyVariable);
}

TEST(RemoteLlm, AKeyThatCannotStandInAHeaderIsRefusedUnseen) {
  ::setenv(kKeyVariable, "abc\r\nX-Evil: 1", 1);
  const auto message = message_of<UsageError>([] { (void)key_from_environment(kKeyVariable); });
  EXPECT_THAT(message, HasSubstr(kKeyVariable));
  EXPECT_THAT(message, Not(HasSubstr("Evil")));
  ::setenv(kKeyVariable, " padded\n", 1);
  EXPECT_EQ(key_from_environment(kKeyVariable), "padded");
  ::unsetenv(kKeyVariable);
  EXPECT_EQ(key_from_environment(kKeyVariable), "");
}

TEST(RemoteLlm, LearnsWhatTheServerCan) {
  MisbehavingServer server;
  server.models_status = 200;
  server.usual = [](const json& body, httplib::Response& response) {
    if (body.contains("structured_outputs")) {
      MisbehavingServer::answer(response, "The capital of France is Paris.");
    } else if (body.contains("guided_choice")) {
      MisbehavingServer::status(400, "unknown field guided_choice")(body, response);
    } else if (body.contains("logprobs") && body["top_logprobs"] == 5) {
      json document;
      document["choices"][0]["message"]["content"] = "2";
      document["choices"][0]["logprobs"]["content"][0]["top_logprobs"] =
          json::parse(R"([{"token": "1", "logprob": -2.0}, {"token": "2", "logprob": -0.2}])");
      response.set_content(document.dump(), "application/json");
    } else if (body.contains("logprobs")) {
      MisbehavingServer::status(400, "top_logprobs: at most 5")(body, response);
    } else if (body.contains("grammar")) {
      MisbehavingServer::answer(response, "zebraquux");
    } else {
      MisbehavingServer::answer(response, "Paris");
    }
  };
  auto options = options_for(server);
  options.constraint = "auto";
  LogCapture log;
  const auto model = RemoteLlm::connect(options, 1);
  EXPECT_EQ(model->description().constraint, "grammar");
  EXPECT_EQ(model->description().probe, "structured_outputs: ignored, guided_choice: refused, grammar: yes");
  EXPECT_EQ(model->description().alternatives, 5);
  EXPECT_EQ(model->option_probabilities(), OptionProbabilities::kChoices);
  EXPECT_EQ(model->context_length(), 2048) << "what the server reports";
  EXPECT_THAT(log.text(),
              HasSubstr("bound by grammar (structured_outputs: ignored, guided_choice: refused, grammar: yes)"));
}

TEST(RemoteLlm, AServerThatIgnoresConstraintsIsNotTrustedWithThem) {
  MisbehavingServer server;
  server.usual = MisbehavingServer::says("Paris");
  auto options = options_for(server);
  options.constraint = "auto";
  const auto model = RemoteLlm::connect(options, 1);
  EXPECT_EQ(model->description().constraint, "none");
  EXPECT_EQ(model->description().probe,
            "structured_outputs: ignored, guided_choice: ignored, grammar: ignored, response_format: ignored");
  EXPECT_EQ(model->option_probabilities(), OptionProbabilities::kNone);
}

/// As vLLM does from 0.12 on: an object with exactly one known member binds, fields that it no longer knows are ignored.
void answer_as_newer_vllm(const json& body, httplib::Response& response) {
  if (!body.contains("structured_outputs")) {
    MisbehavingServer::answer(response, "Paris, or Jaws before the others");
    return;
  }
  const auto& form = body["structured_outputs"];
  if (form.is_object() && form.size() == 1 && form.contains("choice") && form["choice"].is_array()) {
    MisbehavingServer::answer(response, form["choice"].back().get<std::string>());
  } else if (form.is_object() && form.size() == 1 && form.contains("grammar")) {
    MisbehavingServer::answer(response, "Heat; Ran; Jaws; Alien");
  } else {
    MisbehavingServer::status(400, "structured_outputs: exactly one constraint")(body, response);
  }
}

TEST(RemoteLlm, BindsAnswersOfNewerVllm) {
  for (const char* constraint : {"auto", "structured_outputs"}) {
    MisbehavingServer server;
    server.usual = answer_as_newer_vllm;
    auto options = options_for(server);
    options.constraint = constraint;
    const auto model = RemoteLlm::connect(options, 1);
    EXPECT_EQ(model->description().constraint, "structured_outputs");
    EXPECT_EQ(model->description().probe, std::string(constraint) == "auto" ? "structured_outputs: yes" : "");
    auto four = ranking("question");
    four.grammar.options.emplace_back("Ran");
    const auto answers = model->complete(std::vector<CompletionRequest>{rating(), ranking("question"), four}, {});
    ASSERT_EQ(answers.size(), 3U);
    EXPECT_EQ(answers[0].text, "3");
    EXPECT_EQ(answers[1].text, "Jaws; Heat; Alien") << "the last of six orders";
    EXPECT_EQ(answers[2].text, "Heat; Ran; Jaws; Alien");
    EXPECT_EQ(model->account().repaired, 0);
    for (const auto& body : server.bodies()) EXPECT_FALSE(body.contains("guided_choice") || body.contains("grammar"));
  }
}

TEST(RemoteLlm, AServerThatRefusesTheNewerFieldIsAskedInTheOlderForm) {
  MisbehavingServer server;
  server.usual = [](const json& body, httplib::Response& response) {
    if (body.contains("structured_outputs")) {  // vLLM before 0.11 where it forbids what it does not know
      MisbehavingServer::status(400, "extra fields not permitted")(body, response);
    } else if (body.contains("guided_choice")) {
      MisbehavingServer::answer(response, body["guided_choice"].front().get<std::string>());
    } else {
      MisbehavingServer::answer(response, "Paris");
    }
  };
  auto options = options_for(server);
  options.constraint = "auto";
  const auto model = RemoteLlm::connect(options, 1);
  EXPECT_EQ(model->description().constraint, "guided_choice");
  EXPECT_EQ(model->description().probe, "structured_outputs: refused, guided_choice: yes");
}

TEST(RemoteLlm, ConnectsWhereOneOfTheEndpointsIsDead) {
  MisbehavingServer server;
  server.usual = MisbehavingServer::says("Alien; Jaws; Heat");
  auto options = options_for(server);
  options.retries = 1;
  options.endpoints = {"http://127.0.0.1:1/v1", server.address()};
  const auto model = RemoteLlm::connect(options, 1);
  EXPECT_EQ(model->complete(rankings(5), {}).size(), 5U);
  options.endpoints = {"http://127.0.0.1:1/v1"};
  EXPECT_THAT(message_of<RemoteError>([&] { (void)RemoteLlm::connect(options, 1); }),
              HasSubstr("http://127.0.0.1:1/v1: "));
}

TEST(RemoteLlm, ARefusedKeyIsSaidAtOnce) {
  MisbehavingServer server;
  server.models_status = 401;
  server.models = R"({"error": {"message": "Incorrect API key"}})";
  EXPECT_THAT(message_of<RemoteError>([&] { (void)RemoteLlm::connect(options_for(server), 1); }),
              HasSubstr("status 401: Incorrect API key"));
}

TEST(RemoteLlm, AModelIsNamedOrTheOnlyOne) {
  MisbehavingServer server;
  auto options = options_for(server);
  options.model = "";
  EXPECT_EQ(RemoteLlm::connect(options, 1)->description().model, "m");
  server.models = R"({"data": [{"id": "a"}, {"id": "b"}]})";
  EXPECT_THAT(message_of<UsageError>([&] { (void)RemoteLlm::connect(options, 1); }), HasSubstr("has 2 models"));
  server.models_status = 404;  // a server without a list
  EXPECT_THAT(message_of<UsageError>([&] { (void)RemoteLlm::connect(options, 1); }),
              HasSubstr("llm.remote_model is empty"));
  options.model = "b";
  EXPECT_EQ(RemoteLlm::connect(options, 1)->description().model, "b");
}

TEST(RemoteLlm, TheFingerprintFollowsWhatDecidesAnAnswer) {
  MisbehavingServer server;
  const auto fingerprint = [&](const std::function<void(RemoteOptions&)>& change) {
    auto options = options_for(server);
    change(options);
    return RemoteLlm::connect(options, 1)->fingerprint();
  };
  const auto base = fingerprint([](RemoteOptions&) {});
  EXPECT_EQ(base, fingerprint([](RemoteOptions& options) { options.concurrency = 3; }));
  EXPECT_EQ(base, fingerprint([](RemoteOptions& options) { options.on_failure = "drop"; }));
  MisbehavingServer other;
  EXPECT_EQ(base, fingerprint([&](RemoteOptions& options) { options.endpoints = {other.address()}; }))
      << "the same model elsewhere";
  EXPECT_NE(base, fingerprint([](RemoteOptions& options) { options.temperature = 0.3; }));
  EXPECT_NE(base, fingerprint([](RemoteOptions& options) { options.model = "n"; }));
  EXPECT_NE(base, fingerprint([](RemoteOptions& options) { options.api = "completions"; }));
  EXPECT_NE(base, fingerprint([](RemoteOptions& options) { options.constraint = "grammar"; }));
  EXPECT_NE(base, fingerprint([](RemoteOptions& options) { options.system_prompt = "x"; }));
  server.models = R"({"data": [{"id": "m", "root": "/models/other"}]})";
  EXPECT_NE(base, fingerprint([](RemoteOptions&) {})) << "another checkpoint under the same name";
}

TEST(RemoteLlm, APromptThatCannotFitIsRefusedBeforeAnythingIsSent) {
  MisbehavingServer server;
  const auto model = RemoteLlm::connect(options_for(server), 1);
  const auto before = server.bodies().size();
  EXPECT_EQ(model->count_tokens("1234567"), 3) << "3 bytes a token, rounded up";
  auto requests = rankings(2);
  requests[1].prompt.segments = {std::string(7000, 'x')};
  EXPECT_THAT(message_of<UsageError>([&] { (void)model->complete(requests, {}); }), HasSubstr("request 1: about 23"));
  EXPECT_EQ(server.bodies().size(), before);
}

TEST(RemoteLlm, FreeTextIsTakenAsItIs) {
  MisbehavingServer server;
  server.usual = MisbehavingServer::says("  any\ntext ");
  auto options = options_for(server);
  options.api = "completions";
  const auto model = RemoteLlm::connect(options, 1);
  CompletionRequest request{.prompt = {{"say"}}, .maximum_tokens = 7};
  EXPECT_EQ(model->complete(std::vector{request}, {})[0].text, "  any\ntext ");
  EXPECT_EQ(server.bodies().back()["max_tokens"], 7);
}

}  // namespace
}  // namespace llama4rec::llm
