// The interface behind which every language model stands: ours, a checkpoint, or a remote server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace llama4rec {

/// A prompt is a list of texts that are tokenised one by one, so that the tokens of a title do not depend on what stands
/// around it. Text is never read as a control token, whatever it contains.
struct PromptText {
  std::vector<std::string> segments;

  /// The segments joined: what a remote server is sent and what people read.
  [[nodiscard]] std::string joined() const {
    std::string text;
    for (const auto& segment : segments) text += segment;
    return text;
  }
};

/// What an answer may be.
enum class AnswerKind {
  kFreeText,     ///< anything, up to the token limit or the end token
  kChoice,       ///< exactly one of `options`
  kPermutation,  ///< all of `options`, each once, joined by `separator`
};

/// The grammar of an answer. Options are distinct as texts (the prompts layer sees to it) and not empty.
struct AnswerGrammar {
  AnswerKind kind = AnswerKind::kFreeText;
  std::vector<std::string> options;
  std::string separator;  ///< between the options of a permutation, such as "; "; after a choice, nothing
  /// Permutation: how many options to generate before the rest is appended in the order of their first-position
  /// probability; 0 = all of them.
  std::int64_t generate_first = 0;
};

/// How the tokens of an answer are chosen.
struct Sampling {
  double temperature = 0;  ///< 0: always the likeliest token
  double top_p = 1;        ///< only the likeliest tokens that together have this probability
  std::uint64_t seed = 0;  ///< the same prompt and seed: the same answer
};

/// One question to a language model.
struct CompletionRequest {
  PromptText prompt;
  AnswerGrammar grammar;
  std::int64_t maximum_tokens = 256;  ///< of the answer; for free text
  Sampling sampling;                  ///< of what is generated; choices are always the likeliest option
};

/// Where a completion comes from. The embedded model always answers, for its grammar binds it.
enum class AnswerOutcome {
  kAnswered,
  kFallback,  ///< no answer that could be read: `order` is the options' own
  kDropped,   ///< no answer: `order` is empty
};

/// Which log-probabilities a model's answers carry.
enum class OptionProbabilities {
  kNone,
  kChoices,  ///< of choices only
  kAll,      ///< of choices and of first positions
};

/// One answer. Log-probabilities are natural logarithms; empty where the model does not tell them.
struct Completion {
  std::string text;
  /// Choice: the index of the chosen option, alone. Permutation: the order of the options, a permutation of 0..n-1.
  std::vector<std::int64_t> order;
  /// Choice: log P(option | prompt), normalised over the options. Permutation: the same for the first position.
  std::vector<double> option_log_probabilities;
  /// Choice and permutation: log P(option | prompt) of the option's full token sequence, not normalised, first position.
  std::vector<double> option_sequence_log_probabilities;
  std::int64_t prompt_tokens = 0;
  std::int64_t answer_tokens = 0;
  bool from_journal = false;  ///< read back, not asked again
  AnswerOutcome outcome = AnswerOutcome::kAnswered;
};

/// Called with the number of requests answered so far.
using CompletionProgress = std::function<void(std::int64_t answered)>;
/// Called with an answer when it arrives, and the index of its request.
using CompletionArrival = std::function<void(std::size_t request, const Completion& answer)>;

/// Answers batches of questions.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;
  /// Answers in the order of the requests. Throws UsageError for a request that can never fit (prompt too long for the
  /// context), InterruptedError at a resumable point.
  [[nodiscard]] virtual std::vector<Completion> complete(std::span<const CompletionRequest> requests,
                                                         const CompletionProgress& progress) = 0;
  /// Whether an answer depends on its request alone, not on what is asked beside it (rounding does): whoever keeps answers need
  /// then ask only for those that are missing.
  [[nodiscard]] virtual bool answers_alone() const { return false; }
  /// As `complete`, and each answer is told when it arrives, in any order: what fails later cannot take it back. Here: all
  /// of them at the end.
  [[nodiscard]] virtual std::vector<Completion> complete_each(std::span<const CompletionRequest> requests,
                                                              const CompletionArrival& arrived) {
    auto answers = complete(requests, {});
    for (std::size_t i = 0; i < answers.size(); ++i) arrived(i, answers[i]);
    return answers;
  }
  /// Which log-probabilities the answers will carry.
  [[nodiscard]] virtual OptionProbabilities option_probabilities() const { return OptionProbabilities::kAll; }
  /// Tokens of a text segment, for budgets.
  [[nodiscard]] virtual std::int64_t count_tokens(const std::string& segment) const = 0;
  /// Most tokens of prompt and answer together.
  [[nodiscard]] virtual std::int64_t context_length() const = 0;
  /// Changes whenever the weights, the tokeniser or the arithmetic change; part of the journal's key.
  [[nodiscard]] virtual std::string fingerprint() const = 0;
};

}  // namespace llama4rec
