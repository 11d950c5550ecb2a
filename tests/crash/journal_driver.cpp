// A job that lives by its journal, for the tests that kill it and take its disk away (journal_kill_test.py, journal_failure_test.py).
//   journal_driver make MODEL                                    a tiny model with random weights
//   journal_driver answer MODEL JOURNAL LOG RESULTS REQUESTS [--obey-permissions]
// `answer` asks the model, in float32, for the answers to some ranking requests through the journal, and writes them to RESULTS. LOG
// gets a line, in one write and before what follows, for each request that is handed to the model ("handed N"), each answer that the model
// gave ("answered N") and each that is stored ("stored N"). Errors end it as they end the program: one line, the category's status.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/interrupt.h"
#include "core/random.h"
#include "llm/completion_json.h"
#include "llm/embedded_llm.h"
#include "llm/journal.h"

namespace llama4rec::llm {
namespace {

std::string title(std::uint64_t item) { return fmt::format("Film {} ({})", item, 1930 + item % 70); }
constexpr std::uint64_t kItems = 60;

void make_model(const std::filesystem::path& folder) {
  std::vector<std::pair<std::string, std::int64_t>> texts;
  for (std::uint64_t item = 0; item < kItems; ++item) texts.emplace_back(title(item), 10);
  ModelOptions options;
  options.hidden = 64;
  options.intermediate = 128;
  options.vocabulary = 500;
  options.context = 512;
  std::filesystem::create_directories(folder);
  const auto tokenizer = folder / "start.model";
  train_tokenizer(texts, options, 1, tokenizer);
  EmbeddedLlm::create(tokenizer, options, 1, torch::kCPU)->save(folder);
}

/// Rankings and choices. Request N says so in its prompt; every tenth is its predecessor once more.
std::vector<CompletionRequest> make_requests(std::int64_t count) {
  std::vector<CompletionRequest> requests;
  for (std::int64_t i = 0; i < count; ++i) {
    if (i % 10 == 9) {
      requests.push_back(requests.back());
      continue;
    }
    RandomStream random(1, "test.requests", {static_cast<std::uint64_t>(i)});
    CompletionRequest request{.prompt = {{fmt::format("request {}; liked: ", i)}}};
    for (int k = 0; k < 12; ++k) {
      request.prompt.segments.push_back(title(random.below(kItems)));
      request.prompt.segments.emplace_back("; ");
    }
    const auto first = random.below(kItems);
    for (std::uint64_t k = 0; k < 10; ++k) request.grammar.options.push_back(title((first + k) % kItems));
    request.grammar.kind = i % 4 == 3 ? AnswerKind::kChoice : AnswerKind::kPermutation;
    request.grammar.separator = "; ";
    requests.push_back(std::move(request));
  }
  return requests;
}

/// Lines that outlive the process, whatever ends it.
class EventLog {
 public:
  explicit EventLog(const std::string& file)
      : descriptor_(open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) throw InternalError(file + ": " + std::strerror(errno));
  }
  ~EventLog() { close(descriptor_); }
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;
  EventLog(EventLog&&) = delete;
  EventLog& operator=(EventLog&&) = delete;
  void write(const std::string& lines) const {
    if (::write(descriptor_, lines.data(), lines.size()) != static_cast<ssize_t>(lines.size())) {
      throw InternalError(std::string("the test's log: ") + std::strerror(errno));
    }
  }

 private:
  int descriptor_;
};

/// Says what goes through it.
class WatchedModel : public LanguageModel {
 public:
  WatchedModel(EmbeddedLlm& model, const EventLog& log) : model_(model), log_(log) {}
  std::vector<Completion> complete(std::span<const CompletionRequest> requests, const CompletionProgress& p) override {
    return model_.complete(requests, p);
  }
  [[nodiscard]] bool answers_alone() const override { return model_.answers_alone(); }
  std::vector<Completion> complete_each(std::span<const CompletionRequest> requests,
                                        const CompletionArrival& arrived) override {
    std::vector<std::string> numbers;
    std::string lines;
    for (const auto& request : requests) {
      const auto text = request.prompt.joined();
      numbers.push_back(text.substr(8, text.find(';') - 8));  // behind "request "
      lines += "handed " + numbers.back() + "\n";
    }
    log_.write(lines);
    return model_.complete_each(requests, [&](std::size_t i, const Completion& answer) {
      log_.write("answered " + numbers[i] + "\n");
      arrived(i, answer);
      log_.write("stored " + numbers[i] + "\n");
    });
  }
  [[nodiscard]] std::int64_t count_tokens(const std::string& segment) const override {
    return model_.count_tokens(segment);
  }
  [[nodiscard]] std::int64_t context_length() const override { return model_.context_length(); }
  [[nodiscard]] std::string fingerprint() const override { return model_.fingerprint(); }

 private:
  EmbeddedLlm& model_;
  const EventLog& log_;
};

void answer(const std::vector<std::string>& arguments) {
  const auto model = EmbeddedLlm::load(arguments[1], torch::kCPU);
  model->set_engine({.precision = "float32", .most_sequences = 16});
  const auto requests = make_requests(std::stoll(arguments[5]));
  const EventLog log(arguments[3]);
  // Root may write everywhere; nobody may not.
  if (arguments.size() > 6 && geteuid() == 0 && setuid(65534) != 0) throw InternalError("cannot become nobody");
  WatchedModel watched(*model, log);
  JournaledModel journaled(watched, arguments[2]);
  std::string results;
  for (auto& completion : journaled.complete(requests, {})) results += completion_to_json(completion) + "\n";
  write_file_atomically(arguments[4], results);
}

int run(const std::vector<std::string>& arguments) {
  try {
    survive_file_size_limit();
    if (arguments.size() == 2 && arguments[0] == "make") {
      make_model(arguments[1]);
    } else if (arguments.size() >= 6 && arguments[0] == "answer") {
      answer(arguments);
    } else {
      throw UsageError("see the head of journal_driver.cpp");
    }
    return 0;
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return exit_status(error.category());
  }
}

}  // namespace
}  // namespace llama4rec::llm

int main(int count, char** arguments) { return llama4rec::llm::run({arguments + 1, arguments + count}); }
