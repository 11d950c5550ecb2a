// A request of the OpenAI API, read and checked: every number's range, every type.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <llama4rec/language_model.h>
#include <nlohmann/json.hpp>

namespace llama4rec::service {

/// How a bound answer is written.
enum class AnswerForm {
  kPlain,   ///< as the grammar has it
  kJson,    ///< a JSON string or array
  kObject,  ///< the same as the only member of an object
};

struct ApiRequest {
  bool chat = true;
  CompletionRequest completion;
  std::vector<std::int32_t> prompt_tokens;  ///< a prompt that came as tokens; empty: it came as text
  AnswerForm form = AnswerForm::kPlain;
  std::string member;        ///< of the object
  bool native = false;       ///< order and log-probabilities are told in our own form too
  bool limit_given = false;  ///< the answer's; else what the context leaves may shorten it
  bool seed_given = false;
  bool stream = false;
  bool stream_usage = false;
  bool log_probabilities = false;
  std::int64_t alternatives = 0;  ///< top_logprobs; told for choices

  [[nodiscard]] bool bound() const { return completion.grammar.kind != AnswerKind::kFreeText; }
};

struct RequestLimits {
  std::string model;                  ///< the name that is served
  std::int64_t answer_tokens = 4096;  ///< most that may be asked for
  std::int64_t vocabulary_limit = std::int64_t{1} << 31;
};

/// Reads the document of POST /v1/chat/completions or /v1/completions. ApiError (400; 404 for another model) naming the parameter.
/// Parameters that this program does not know are ignored; those that it knows and cannot do are refused.
ApiRequest read_request(const nlohmann::json& document, bool chat, const RequestLimits& limits);

}  // namespace llama4rec::service
