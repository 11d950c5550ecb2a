// A language model behind servers with the OpenAI API: vLLM, llama.cpp's server, hosted services, `llama4rec llm serve`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <llama4rec/language_model.h>

#include "llm/remote/clock.h"
#include "llm/remote/remote_account.h"
#include "llm/remote/remote_options.h"
#include "llm/remote/transport.h"

namespace llama4rec::llm {

/// What a client learnt from its servers when it connected.
struct RemoteDescription {
  std::string model;              ///< its name at the servers
  std::string constraint;         ///< as to_string(ConstraintKind) says it
  std::string probe;              ///< how that was found; empty where it was given
  std::int64_t alternatives = 0;  ///< log-probabilities that come with a choice's token; 0 = none
  std::int64_t context = 0;       ///< tokens
};

/// Not thread-safe. Tokens of texts are estimated (llm.bytes_per_token): servers count for billing, budgets need an upper
/// bound without a request for every title.
class RemoteLlm : public LanguageModel {
 public:
  /// Asks every endpoint for its models and, where llm.constraint is auto, what it can do; says on the log what it found. UsageError for
  /// options that cannot work; RemoteError where no endpoint answers or one refuses the key.
  static std::unique_ptr<RemoteLlm> connect(const RemoteOptions& options, std::uint64_t seed);
  /// The same over another transport and clock, for tests.
  static std::unique_ptr<RemoteLlm> connect(const RemoteOptions& options, std::uint64_t seed,
                                            std::unique_ptr<Transport> transport, std::unique_ptr<Clock> clock);
  ~RemoteLlm() override;

  [[nodiscard]] std::vector<Completion> complete(std::span<const CompletionRequest> requests,
                                                 const CompletionProgress& progress) override;
  [[nodiscard]] bool answers_alone() const override { return true; }
  /// RemoteError where a request fails for good; what arrived until then was told.
  [[nodiscard]] std::vector<Completion> complete_each(std::span<const CompletionRequest> requests,
                                                      const CompletionArrival& arrived) override;
  [[nodiscard]] OptionProbabilities option_probabilities() const override;
  /// An estimate: bytes of UTF-8 by llm.bytes_per_token, rounded up.
  [[nodiscard]] std::int64_t count_tokens(const std::string& segment) const override;
  [[nodiscard]] std::int64_t context_length() const override;
  /// Of the model's name, what the servers say of it, and all that decides an answer; neither addresses nor the key.
  [[nodiscard]] std::string fingerprint() const override;

  [[nodiscard]] const RemoteAccount& account() const;
  [[nodiscard]] const RemoteDescription& description() const;

 private:
  struct State;
  explicit RemoteLlm(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace llama4rec::llm
