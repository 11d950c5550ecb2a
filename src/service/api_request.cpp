#include "service/api_request.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "service/api_error.h"
#include "service/json_members.h"
#include "service/request_grammar.h"

namespace llama4rec::service {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const char* parameter, const std::string& what) {
  throw ApiError(400, fmt::format("{}: {}", parameter, what), parameter);
}

bool boolean(const json& document, const char* name, bool otherwise) {
  const json* value = given(document, name);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) refuse(name, "expected true or false");
  return value->get<bool>();
}

std::int64_t integer(const json& document, const char* name, std::int64_t least, std::int64_t most,
                     std::int64_t otherwise) {
  const json* value = given(document, name);
  if (value == nullptr) return otherwise;
  const bool fits =
      value->is_number_integer() &&
      !(value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX));
  if (!fits || value->get<std::int64_t>() < least || value->get<std::int64_t>() > most) {
    refuse(name, fmt::format("expected an integer from {} to {}", least, most));
  }
  return value->get<std::int64_t>();
}

double number(const json& document, const char* name, double least, double most, double otherwise) {
  const json* value = given(document, name);
  if (value == nullptr) return otherwise;
  const double found = value->is_number() ? value->get<double>() : NAN;
  if (!(found >= least && found <= most)) refuse(name, fmt::format("expected a number from {} to {}", least, most));
  return found;
}

/// A message's text: a text, or parts of type "text".
std::string content_of(const json& message) {
  if (!message.is_object()) refuse("messages", "expected objects with role and content");
  const json* role = given(message, "role");
  if (role == nullptr || !role->is_string()) refuse("messages", "a message has no role");
  static const std::set<std::string> roles{"system", "developer", "user", "assistant"};
  if (!roles.contains(role->get<std::string>())) {
    refuse("messages", "expected the roles system, developer, user and assistant");
  }
  const json* content = given(message, "content");
  if (content == nullptr) refuse("messages", "a message has no content");
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array()) refuse("messages", "content: expected a text or a list of parts");
  std::string text;
  for (const auto& part : *content) {
    const json* type = part.is_object() ? given(part, "type") : nullptr;
    const json* words = part.is_object() ? given(part, "text") : nullptr;
    if (type == nullptr || *type != "text" || words == nullptr || !words->is_string()) {
      refuse("messages", "content: only parts of type text can be read");
    }
    text += words->get<std::string>();
  }
  return text;
}

void read_messages(const json& document, ApiRequest& request) {
  const json* messages = given(document, "messages");
  if (messages == nullptr || !messages->is_array() || messages->empty()) {
    refuse("messages", "expected a list of at least one message");
  }
  auto& segments = request.completion.prompt.segments;
  for (const auto& message : *messages) {
    if (!segments.empty()) segments.emplace_back("\n");
    segments.push_back(content_of(message));
  }
}

void read_prompt(const json& document, const RequestLimits& limits, ApiRequest& request) {
  const json* prompt = given(document, "prompt");
  if (prompt == nullptr) refuse("prompt", "expected a text or a list of tokens");
  if (prompt->is_array() && prompt->size() == 1 && prompt->front().is_string()) prompt = &prompt->front();
  if (prompt->is_string()) {
    request.completion.prompt.segments = {prompt->get<std::string>()};
    return;
  }
  if (!prompt->is_array() || prompt->empty())
    refuse("prompt", "expected a text or a list of tokens, one prompt a request");
  for (const auto& token : *prompt) {
    const bool fits = token.is_number_integer() && token >= 0 && token < limits.vocabulary_limit;
    if (!fits) refuse("prompt", "expected a text or a list of tokens, one prompt a request");
    request.prompt_tokens.push_back(token.get<std::int32_t>());
  }
}

/// What would change the answer and cannot be done is refused, not ignored.
void refuse_what_cannot_be_done(const json& document) {
  if (integer(document, "n", 1, 128, 1) != 1) refuse("n", "one answer a request is all that can be given");
  if (integer(document, "best_of", 1, 128, 1) != 1) refuse("best_of", "expected 1");
  for (const char* name : {"presence_penalty", "frequency_penalty"}) {
    if (number(document, name, -2, 2, 0) != 0) refuse(name, "only 0 can be served");
  }
  if (boolean(document, "echo", false)) refuse("echo", "only false can be served");
  for (const char* name : {"stop", "tools", "functions", "tool_choice", "logit_bias", "suffix", "audio", "grammar",
                           "guided_regex", "guided_grammar"}) {
    const json* value = given(document, name);
    if (value != nullptr && !value->empty()) refuse(name, "cannot be served");
  }
}

/// Without a seed every request draws anew; the service fills one in.
void read_sampling(const json& document, ApiRequest& request) {
  auto& sampling = request.completion.sampling;
  sampling.temperature = number(document, "temperature", 0, 2, 0);
  sampling.top_p = number(document, "top_p", 0, 1, 1);
  const auto seed = integer(document, "seed", INT64_MIN, INT64_MAX, 0);
  sampling.seed = static_cast<std::uint64_t>(seed);
  request.seed_given = given(document, "seed") != nullptr;
}

void read_log_probabilities(const json& document, ApiRequest& request) {
  constexpr std::int64_t kMost = 20;
  if (request.chat) {
    request.log_probabilities = boolean(document, "logprobs", false);
    request.alternatives = integer(document, "top_logprobs", 0, kMost, 0);
    if (request.alternatives > 0 && !request.log_probabilities) refuse("top_logprobs", "needs logprobs: true");
  } else if (given(document, "logprobs") != nullptr) {
    request.alternatives = integer(document, "logprobs", 0, kMost, 0);
    request.log_probabilities = true;
  }
  if (request.alternatives > 0 && request.completion.grammar.kind != AnswerKind::kChoice) {
    refuse(request.chat ? "top_logprobs" : "logprobs", "alternatives are told for choices only (guided_choice)");
  }
}

std::int64_t answer_limit(const json& document, bool chat, const RequestLimits& limits) {
  constexpr std::int64_t kChatDefault = 256;
  constexpr std::int64_t kPlainDefault = 16;  // OpenAI's
  const auto otherwise = std::min(chat ? kChatDefault : kPlainDefault, limits.answer_tokens);
  const auto older = integer(document, "max_tokens", 1, limits.answer_tokens, otherwise);
  return chat ? integer(document, "max_completion_tokens", 1, limits.answer_tokens, older) : older;
}

}  // namespace

ApiRequest read_request(const json& document, bool chat, const RequestLimits& limits) {
  if (!document.is_object()) throw ApiError(400, "the body is not a JSON object");
  const json* model = given(document, "model");
  if (model == nullptr || !model->is_string()) refuse("model", "expected the name of a model");
  if (*model != limits.model) {
    throw ApiError(404, fmt::format("model: there is no such model here, expected {}", limits.model), "model",
                   "model_not_found");
  }
  ApiRequest request{.chat = chat};
  if (chat) {
    read_messages(document, request);
  } else {
    read_prompt(document, limits, request);
  }
  request.completion.maximum_tokens = answer_limit(document, chat, limits);
  request.limit_given = given(document, "max_tokens") != nullptr || given(document, "max_completion_tokens") != nullptr;
  refuse_what_cannot_be_done(document);
  read_sampling(document, request);
  read_grammar(document, request);
  if (request.bound() && !request.prompt_tokens.empty())
    refuse("prompt", "an answer that is bound needs a prompt as text");
  read_log_probabilities(document, request);
  request.stream = boolean(document, "stream", false);
  if (const json* options = given(document, "stream_options")) {
    if (!options->is_object()) refuse("stream_options", "expected an object");
    request.stream_usage = boolean(*options, "include_usage", false);
  }
  return request;
}

}  // namespace llama4rec::service
