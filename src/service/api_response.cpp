#include "service/api_response.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace llama4rec::service {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no infinity.
Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(finite_or_null(value));
  return list;
}

Json bytes_of(const std::string& text) {
  Json list = Json::array();
  for (const char byte : text) list.push_back(static_cast<unsigned char>(byte));
  return list;
}

/// A choice's options by descending probability, each as if it was one token.
std::vector<std::size_t> likeliest_options(const ApiRequest& request, const ApiAnswer& answer) {
  const auto& values = answer.completion.option_log_probabilities;
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(request.alternatives)));
  return order;
}

bool tells_choice(const ApiRequest& request, const ApiAnswer& answer) {
  return request.completion.grammar.kind == AnswerKind::kChoice && !answer.completion.option_log_probabilities.empty();
}

Json token_document(const std::string& text, double value) {
  Json token;
  token["token"] = text;
  token["logprob"] = finite_or_null(value);
  token["bytes"] = bytes_of(text);
  return token;
}

/// Tokens with their log-probabilities, as a chat tells them.
Json chat_tokens(const TextPiece& piece) {
  Json content = Json::array();
  for (std::size_t i = 0; i < piece.token_texts.size(); ++i) {
    Json token = token_document(piece.token_texts[i], piece.token_log_probabilities[i]);
    token["top_logprobs"] = Json::array();
    content.push_back(std::move(token));
  }
  Json result;
  result["content"] = std::move(content);
  return result;
}

/// The same in the older form.
Json plain_tokens(const TextPiece& piece) {
  Json result;
  result["tokens"] = piece.token_texts;
  result["token_logprobs"] = numbers(piece.token_log_probabilities);
  result["top_logprobs"] = Json();
  result["text_offset"] = Json::array();
  auto offset = piece.text_offset;
  for (const auto& text : piece.token_texts) {
    result["text_offset"].push_back(offset);
    offset += text.size();
  }
  return result;
}

/// A choice as if its options were single tokens.
Json choice_log_probabilities(const ApiRequest& request, const ApiAnswer& answer) {
  const auto& options = request.completion.grammar.options;
  const auto& values = answer.completion.option_log_probabilities;
  const auto chosen = static_cast<std::size_t>(answer.completion.order.front());
  const TextPiece piece{.text = {}, .token_texts = {options[chosen]}, .token_log_probabilities = {values[chosen]}};
  Json result = request.chat ? chat_tokens(piece) : plain_tokens(piece);
  if (request.chat) {
    for (const auto i : likeliest_options(request, answer)) {
      result["content"][0]["top_logprobs"].push_back(token_document(options[i], values[i]));
    }
  } else {
    Json top = Json::object();
    for (const auto i : likeliest_options(request, answer)) top[options[i]] = finite_or_null(values[i]);
    result["top_logprobs"] = Json::array({std::move(top)});
  }
  return result;
}

/// Of the tokens of a free text or of a piece of it.
Json text_log_probabilities(const ApiRequest& request, const TextPiece& piece) {
  if (!request.log_probabilities || request.bound()) return {};
  return request.chat ? chat_tokens(piece) : plain_tokens(piece);
}

Json log_probabilities(const ApiRequest& request, const ApiAnswer& answer) {
  if (request.log_probabilities && tells_choice(request, answer)) return choice_log_probabilities(request, answer);
  return text_log_probabilities(request, answer.piece);
}

Json usage_document(const ApiAnswer& answer) {
  Json usage;
  usage["prompt_tokens"] = answer.prompt_tokens;
  usage["completion_tokens"] = answer.answer_tokens;
  usage["total_tokens"] = answer.prompt_tokens + answer.answer_tokens;
  return usage;
}

Json native_document(const ApiAnswer& answer) {
  Json native;
  native["order"] = answer.completion.order;
  native["option_log_probabilities"] = numbers(answer.completion.option_log_probabilities);
  native["option_sequence_log_probabilities"] = numbers(answer.completion.option_sequence_log_probabilities);
  return native;
}

Json envelope(const ApiRequest& request, const AnswerIdentity& identity, bool chunk) {
  Json document;
  document["id"] = identity.id;
  document["object"] = request.chat ? (chunk ? "chat.completion.chunk" : "chat.completion") : "text_completion";
  document["created"] = identity.created;
  document["model"] = identity.model;
  document["choices"] = Json::array();
  return document;
}

/// Text of the model may hold anything; the document is valid UTF-8 all the same.
std::string event(const Json& document) {
  return fmt::format("data: {}\n\n", document.dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// A chunk with one choice: `delta` is chat's, `text` the plain API's.
Json chunk(const ApiRequest& request, const AnswerIdentity& identity, const Json& delta, const std::string& text) {
  Json document = envelope(request, identity, true);
  Json choice;
  choice["index"] = 0;
  if (request.chat) {
    choice["delta"] = delta;
  } else {
    choice["text"] = text;
  }
  choice["logprobs"] = Json();
  choice["finish_reason"] = Json();
  document["choices"].push_back(std::move(choice));
  return document;
}

}  // namespace

void TextPiece::append(const TextPiece& next) {
  text += next.text;
  token_texts.insert(token_texts.end(), next.token_texts.begin(), next.token_texts.end());
  token_log_probabilities.insert(token_log_probabilities.end(), next.token_log_probabilities.begin(),
                                 next.token_log_probabilities.end());
}

std::string render_answer(const ApiRequest& request, const Completion& completion) {
  if (request.form == AnswerForm::kPlain) return completion.text;
  const auto& grammar = request.completion.grammar;
  Json value;
  if (grammar.kind == AnswerKind::kChoice) {
    value = grammar.options[static_cast<std::size_t>(completion.order.front())];
  } else {
    value = Json::array();
    const auto count =
        grammar.generate_first > 0 ? static_cast<std::size_t>(grammar.generate_first) : completion.order.size();
    for (std::size_t i = 0; i < count; ++i) {
      value.push_back(grammar.options[static_cast<std::size_t>(completion.order[i])]);
    }
  }
  if (request.form == AnswerForm::kJson) return value.dump();
  Json object;
  object[request.member] = value;
  return object.dump();
}

Json response_document(const ApiRequest& request, const AnswerIdentity& identity, const ApiAnswer& answer) {
  Json document = envelope(request, identity, false);
  Json choice;
  choice["index"] = 0;
  if (request.chat) {
    choice["message"]["role"] = "assistant";
    choice["message"]["content"] = answer.piece.text;
    choice["message"]["refusal"] = Json();
  } else {
    choice["text"] = answer.piece.text;
  }
  choice["logprobs"] = log_probabilities(request, answer);
  choice["finish_reason"] = answer.finish_reason;
  if (request.native) choice["llama4rec"] = native_document(answer);
  document["choices"].push_back(std::move(choice));
  document["usage"] = usage_document(answer);
  return document;
}

std::string stream_beginning(const ApiRequest& request, const AnswerIdentity& identity) {
  if (!request.chat) return "";
  Json delta;
  delta["role"] = "assistant";
  delta["content"] = "";
  return event(chunk(request, identity, delta, ""));
}

std::string stream_piece(const ApiRequest& request, const AnswerIdentity& identity, const TextPiece& piece) {
  Json delta;
  delta["content"] = piece.text;
  Json document = chunk(request, identity, delta, piece.text);
  document["choices"][0]["logprobs"] = text_log_probabilities(request, piece);
  return event(document);
}

std::string stream_end(const ApiRequest& request, const AnswerIdentity& identity, const ApiAnswer& answer) {
  Json last = chunk(request, identity, Json::object(), "");
  last["choices"][0]["finish_reason"] = answer.finish_reason;
  // Those of a free text went with its pieces.
  if (request.bound()) last["choices"][0]["logprobs"] = log_probabilities(request, answer);
  if (request.native) last["choices"][0]["llama4rec"] = native_document(answer);
  std::string text = event(last);
  if (request.stream_usage) {
    Json usage = envelope(request, identity, true);
    usage["usage"] = usage_document(answer);
    text += event(usage);
  }
  return text + "data: [DONE]\n\n";
}

std::string stream_failure(const Json& error) { return event(error); }

}  // namespace llama4rec::service
