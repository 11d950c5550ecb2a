#include "llm/journal.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/digest.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/text.h"
#include "llm/completion_json.h"
#include "llm/sqlite.h"

namespace llama4rec::llm {
namespace {

constexpr std::int64_t kSchemaVersion = 1;

constexpr const char* kSchema = R"(
CREATE TABLE answers (
  key TEXT PRIMARY KEY,
  prompt TEXT NOT NULL,
  answer TEXT NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  answer_tokens INTEGER NOT NULL,
  seconds REAL NOT NULL,
  written TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;
)";

/// An open journal file of our schema.
struct JournalFile {
  explicit JournalFile(const std::filesystem::path& file) : database(file), path(file) {
    // WAL with synchronous=NORMAL: a killed process loses nothing that was committed; a power cut may lose the last
    // batches, never the file's consistency. What is lost is asked again.
    database.execute("PRAGMA journal_mode=WAL");
    database.execute("PRAGMA synchronous=NORMAL");
    Transaction transaction(database);
    const auto version = user_version();
    if (version == 0) {
      database.execute(kSchema);
      database.execute(fmt::format("PRAGMA user_version={}", kSchemaVersion));
    } else if (version != kSchemaVersion) {
      throw InternalError(fmt::format("{}: the journal has schema version {}, this program reads {}; move it away",
                                      file.string(), version, kSchemaVersion));
    }
    transaction.commit();
  }

  std::int64_t user_version() {
    Statement statement(database, "PRAGMA user_version");
    return statement.step() ? statement.integer(0) : 0;
  }

  Database database;
  std::filesystem::path path;
};

}  // namespace

struct JournaledModel::State {
  State(LanguageModel& wrapped, const std::filesystem::path& file, std::int64_t batch_size)
      : model(wrapped),
        batch(batch_size),
        journal(file),
        find(journal.database, "SELECT answer FROM answers WHERE key = ?1"),
        insert(journal.database,
               "INSERT OR IGNORE INTO answers (key, prompt, answer, prompt_tokens, answer_tokens, seconds) "
               "VALUES (?1, ?2, ?3, ?4, ?5, ?6)") {}

  LanguageModel& model;
  std::int64_t batch;
  JournalFile journal;
  Statement find;
  Statement insert;
  JournalAccounting accounting;

  /// The stored answer of a request.
  std::optional<Completion> stored(const std::string& key) {
    find.bind(1, key);
    std::optional<Completion> answer;
    if (find.step()) {
      try {
        answer = completion_from_json(find.text(0));
      } catch (const InternalError& problem) {
        find.reset();
        throw InternalError(fmt::format("{}: {}", journal.path.string(), problem.what()));
      }
      answer->from_journal = true;
    }
    find.reset();
    return answer;
  }

  /// The answers of a batch where all of them are stored; empty otherwise.
  std::vector<Completion> stored(const std::vector<std::string>& keys) {
    std::vector<Completion> answers;
    for (const auto& key : keys) {
      auto answer = stored(key);
      if (!answer) return {};
      answers.push_back(std::move(*answer));
    }
    return answers;
  }

  /// Stores what is new. A request that was answered before, in this batch or another, keeps its first answer: a later batch's
  /// rounding must not replace what an earlier one has already given.
  void store(std::span<const CompletionRequest> requests, const std::vector<std::string>& keys,
             std::vector<Completion>& answers, double seconds_each) {
    Transaction transaction(journal.database);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (auto earlier = stored(keys[i])) {
        answers[i] = std::move(*earlier);
        continue;
      }
      write(keys[i], requests[i], answers[i], seconds_each);
    }
    transaction.commit();
  }

  void write(const std::string& key, const CompletionRequest& request, const Completion& answer, double seconds) {
    const auto prompt = text::to_valid_utf8(request.prompt.joined());
    const auto json = completion_to_json(answer);
    insert.bind(1, key).bind(2, prompt).bind(3, json);
    insert.bind(4, answer.prompt_tokens).bind(5, answer.answer_tokens).bind(6, seconds);
    insert.step();
    insert.reset();
  }

  void count_reused(const Completion& answer) {
    ++accounting.reused;
    accounting.reused_prompt_tokens += answer.prompt_tokens;
    accounting.reused_answer_tokens += answer.answer_tokens;
  }

  void count(const Completion& answer) {
    ++accounting.asked;
    accounting.prompt_tokens += answer.prompt_tokens;
    accounting.answer_tokens += answer.answer_tokens;
  }

  /// Asks a model whose answers stand alone for those that are missing, one of equal requests for all of them.
  std::vector<Completion> ask_missing(std::span<const CompletionRequest> requests, const std::vector<std::string>& keys,
                                      const CompletionProgress& progress) {
    std::vector<Completion> answers(requests.size());
    std::map<std::string, std::vector<std::size_t>> missing;  // places by key
    std::vector<CompletionRequest> asked;
    std::vector<std::string> asked_keys;
    std::int64_t answered = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      auto& places = missing[keys[i]];
      if (places.empty()) {
        if (auto earlier = stored(keys[i])) {
          missing.erase(keys[i]);
          answers[i] = std::move(*earlier);
          count_reused(answers[i]);
          ++answered;
          continue;
        }
        asked.push_back(requests[i]);
        asked_keys.push_back(keys[i]);
      }
      places.push_back(i);
    }
    if (progress) progress(answered);
    if (asked.empty()) return answers;
    auto last = std::chrono::steady_clock::now();
    const auto arrived = [&](std::size_t place, const Completion& answer) {
      const auto now = std::chrono::steady_clock::now();
      const double seconds = std::chrono::duration<double>(now - last).count();  // since the answer before it
      last = now;
      accounting.seconds += seconds;
      if (answer.outcome == AnswerOutcome::kAnswered) write(asked_keys[place], asked[place], answer, seconds);
      count(answer);
      bool first = true;
      for (const std::size_t i : missing.at(asked_keys[place])) {
        if (!first) count_reused(answer);
        first = false;
        answers[i] = answer;
        ++answered;
      }
      if (progress) progress(answered);
    };
    try {
      (void)model.complete_each(asked, arrived);
    } catch (const UsageError& problem) {  // it counts those that are asked
      throw UsageError(fmt::format("of {} requests without an answer: {}", asked.size(), problem.what()));
    }
    return answers;
  }

  std::vector<Completion> ask(std::span<const CompletionRequest> requests, const std::vector<std::string>& keys) {
    const auto start = std::chrono::steady_clock::now();
    auto answers = model.complete(requests, {});
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (answers.size() != requests.size()) {
      throw InternalError(
          fmt::format("the language model gave {} answers to {} requests", answers.size(), requests.size()));
    }
    store(requests, keys, answers, seconds / static_cast<double>(std::max<std::size_t>(1, answers.size())));
    accounting.seconds += seconds;
    for (const auto& answer : answers) count(answer);
    return answers;
  }
};

JournaledModel::JournaledModel(LanguageModel& model, const std::filesystem::path& file, std::int64_t batch) {
  if (batch < 1) throw UsageError(fmt::format("the journal's batch is {}, expected at least 1", batch));
  state_ = std::make_unique<State>(model, file, batch);
}

JournaledModel::~JournaledModel() = default;

std::vector<Completion> JournaledModel::complete(std::span<const CompletionRequest> requests,
                                                 const CompletionProgress& progress) {
  const auto fingerprint = state_->model.fingerprint();
  if (state_->model.answers_alone()) {
    std::vector<std::string> keys;
    for (const auto& request : requests) keys.push_back(sha256(fingerprint + "\n" + canonical_request(request)));
    return state_->ask_missing(requests, keys, progress);
  }
  std::vector<Completion> completions;
  completions.reserve(requests.size());
  for (std::size_t begin = 0; begin < requests.size(); begin += static_cast<std::size_t>(state_->batch)) {
    const auto part =
        requests.subspan(begin, std::min(static_cast<std::size_t>(state_->batch), requests.size() - begin));
    std::vector<std::string> keys;
    for (const auto& request : part) keys.push_back(sha256(fingerprint + "\n" + canonical_request(request)));
    auto answers = state_->stored(keys);
    if (answers.empty()) {
      throw_if_interrupted("answering prompts; the answers so far are in the journal");
      try {
        answers = state_->ask(part, keys);
      } catch (const UsageError& problem) {  // it counts from the batch's first request
        throw UsageError(fmt::format("of requests {} to {}: {}", begin, begin + part.size() - 1, problem.what()));
      }
    } else {
      for (const auto& answer : answers) state_->count_reused(answer);
    }
    std::move(answers.begin(), answers.end(), std::back_inserter(completions));
    if (progress) progress(static_cast<std::int64_t>(completions.size()));
  }
  return completions;
}

bool JournaledModel::answers_alone() const { return state_->model.answers_alone(); }
OptionProbabilities JournaledModel::option_probabilities() const { return state_->model.option_probabilities(); }
std::int64_t JournaledModel::count_tokens(const std::string& segment) const {
  return state_->model.count_tokens(segment);
}
std::int64_t JournaledModel::context_length() const { return state_->model.context_length(); }
std::string JournaledModel::fingerprint() const { return state_->model.fingerprint(); }
const JournalAccounting& JournaledModel::accounting() const { return state_->accounting; }

}  // namespace llama4rec::llm
