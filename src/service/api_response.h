// Responses of the OpenAI API.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <llama4rec/language_model.h>
#include <nlohmann/json.hpp>

#include "service/api_request.h"

namespace llama4rec::service {

/// Text, or the next piece of a streamed one.
struct TextPiece {
  std::string text;
  std::vector<std::string> token_texts;  ///< of free text, where log-probabilities are asked for
  std::vector<double> token_log_probabilities;
  std::size_t text_offset = 0;  ///< bytes of the texts of all tokens before

  void append(const TextPiece& next);
};

/// A finished answer.
struct ApiAnswer {
  TextPiece piece;                     ///< all of it, as it is sent; what was streamed has no tokens here
  std::string finish_reason = "stop";  ///< or "length"
  Completion completion;               ///< order and log-probabilities of bound answers
  std::int64_t prompt_tokens = 0;
  std::int64_t answer_tokens = 0;
};

/// What a bound answer's text is in the request's form.
std::string render_answer(const ApiRequest& request, const Completion& completion);

/// What every document of one answer carries.
struct AnswerIdentity {
  std::string id;
  std::string model;
  std::int64_t created = 0;  ///< seconds since 1970
};

/// The whole response.
nlohmann::ordered_json response_document(const ApiRequest& request, const AnswerIdentity& identity,
                                         const ApiAnswer& answer);

/// Server-sent events ("data: {...}\n\n") of a streamed answer: the beginning, a piece of text, the end.
std::string stream_beginning(const ApiRequest& request, const AnswerIdentity& identity);
std::string stream_piece(const ApiRequest& request, const AnswerIdentity& identity, const TextPiece& piece);
std::string stream_end(const ApiRequest& request, const AnswerIdentity& identity, const ApiAnswer& answer);
/// What a stream that fails half-way ends with.
std::string stream_failure(const nlohmann::ordered_json& error);

}  // namespace llama4rec::service
