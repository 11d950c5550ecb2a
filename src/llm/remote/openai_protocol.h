// Requests and responses of the OpenAI API.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <llama4rec/language_model.h>
#include <nlohmann/json.hpp>

#include "llm/remote/answer_constraint.h"

namespace llama4rec::llm {

/// What all requests of a client have in common.
struct RequestForm {
  std::string model;
  bool chat = true;
  ConstraintKind constraint = ConstraintKind::kNone;
  double temperature = 0;
  std::string token_limit_field = "max_tokens";  ///< of chat requests
  std::string system_prompt;
  std::int64_t top_log_probabilities = 0;  ///< asked for with choices; 0 = none
};

/// The path behind an endpoint's address.
std::string request_path(const RequestForm& form);
/// The JSON document of a request. `answer_limit`: most tokens of the answer.
std::string request_body(const RequestForm& form, const CompletionRequest& request, std::int64_t answer_limit);

/// What a server says.
struct RemoteAnswer {
  std::string text;
  std::string finish_reason;                  ///< "stop", "length", "content_filter", ...
  std::optional<std::int64_t> prompt_tokens;  ///< where the server tells
  std::optional<std::int64_t> answer_tokens;  ///< likewise
  std::vector<double>
      option_log_probabilities;  ///< of a choice whose options are single tokens, or as llama4rec tells them
  std::vector<double> sequence_log_probabilities;  ///< as llama4rec tells them
  std::vector<std::int64_t> order;                 ///< likewise: the answer itself, checked
};

/// Reads a response to `request`; DataError where the document is not of the API's form, with what is wrong.
RemoteAnswer read_answer(const RequestForm& form, const CompletionRequest& request, const nlohmann::json& document);

/// The message of an error document ({"error": {"message": ...}}, {"message": ...}, {"detail": ...}), else the text itself; one line of
/// valid UTF-8, at most some hundred bytes.
std::string error_message(const std::string& body);
/// "error.code" of an error document, or "error.type"; empty where there is none.
std::string error_code(const std::string& body);

}  // namespace llama4rec::llm
