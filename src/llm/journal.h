// The journal: every answer of a language model is stored in SQLite when it arrives, and never asked for twice.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <llama4rec/language_model.h>

namespace llama4rec::llm {

/// Counters of a journaled model, for reports.
struct JournalAccounting {
  std::int64_t asked = 0;          ///< answered by the model
  std::int64_t reused = 0;         ///< answered from the journal
  std::int64_t prompt_tokens = 0;  ///< of those that the model answered, as is the next one
  std::int64_t answer_tokens = 0;
  std::int64_t reused_prompt_tokens = 0;  ///< of those from the journal, as is the next one
  std::int64_t reused_answer_tokens = 0;
  double seconds = 0;  ///< spent in the model
};

/// Wraps any language model. Requests are cut into batches by their position in the call (so the composition of a batch,
/// and with it rounding, is the same in a resumed run); a batch's answers are committed together when they arrive; a batch that is
/// whole in the journal is not asked again; equal requests share the first answer. A model whose answers depend on nothing else
/// (LanguageModel::answers_alone) is asked for all that is missing at once, and each answer is committed when it arrives, so that a
/// call that fails later loses none; what it fell back on or dropped is not stored and is asked again next time. Key: model fingerprint, prompt segments, grammar, limits.
class JournaledModel : public LanguageModel {
 public:
  /// Opens or creates `file` (WAL). InternalError when it is locked, read-only or damaged.
  JournaledModel(LanguageModel& model, const std::filesystem::path& file, std::int64_t batch = 256);
  ~JournaledModel() override;

  [[nodiscard]] std::vector<Completion> complete(std::span<const CompletionRequest> requests,
                                                 const CompletionProgress& progress) override;
  [[nodiscard]] bool answers_alone() const override;
  [[nodiscard]] OptionProbabilities option_probabilities() const override;
  [[nodiscard]] std::int64_t count_tokens(const std::string& segment) const override;
  [[nodiscard]] std::int64_t context_length() const override;
  [[nodiscard]] std::string fingerprint() const override;
  [[nodiscard]] const JournalAccounting& accounting() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llama4rec::llm
