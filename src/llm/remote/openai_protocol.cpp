#include "llm/remote/openai_protocol.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/text.h"

namespace llama4rec::llm {
namespace {

using nlohmann::json;

constexpr std::int64_t kMostTokens = std::int64_t{1} << 40;

[[noreturn]] void fail(const std::string& what) { throw DataError(fmt::format("the response {}", what)); }

/// A member of an object, or null.
const json& member(const json& object, const char* name) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto place = object.find(name);
  return place == object.end() ? nothing : *place;
}

std::optional<std::int64_t> count(const json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  const auto number = value.get<std::int64_t>();
  if (number < 0 || number > kMostTokens) return std::nullopt;
  return number;
}

const json& first_choice(const json& document) {
  const auto& choices = member(document, "choices");
  if (!choices.is_array() || choices.empty()) fail("has no \"choices\"");
  return choices.front();
}

/// The first token's alternatives as (text, log-probability); empty where the server tells none.
std::vector<std::pair<std::string, double>> first_alternatives(bool chat, const json& choice) {
  std::vector<std::pair<std::string, double>> alternatives;
  const auto& logprobs = member(choice, "logprobs");
  if (chat) {
    const auto& content = member(logprobs, "content");
    if (!content.is_array() || content.empty()) return {};
    const auto& top = member(content.front(), "top_logprobs");
    if (!top.is_array()) return {};
    for (const auto& it : top) {
      const auto& token = member(it, "token");
      const auto& value = member(it, "logprob");
      if (token.is_string() && value.is_number())
        alternatives.emplace_back(token.get<std::string>(), value.get<double>());
    }
    return alternatives;
  }
  const auto& top = member(logprobs, "top_logprobs");
  if (!top.is_array() || top.empty() || !top.front().is_object()) return {};
  for (const auto& [token, value] : top.front().items()) {
    if (value.is_number()) alternatives.emplace_back(token, value.get<double>());
  }
  return alternatives;
}

/// log P(option | prompt), normalised over the options, where every option is a single token that is among the first
/// token's alternatives; else empty: nothing is guessed.
std::vector<double> option_log_probabilities(const AnswerGrammar& grammar,
                                             const std::vector<std::pair<std::string, double>>& alternatives) {
  std::vector<double> values(grammar.options.size(), -std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < grammar.options.size(); ++i) {
    const auto option = text::to_valid_utf8(grammar.options[i]);
    // "4" and " 4" are two tokens of the same answer.
    double sum = 0;
    for (const auto& [token, value] : alternatives) {
      if (text::trim(token) == option) sum += std::exp(value);
    }
    if (!(sum > 0)) return {};
    values[i] = std::log(sum);
  }
  double total = 0;
  for (const double value : values) total += std::exp(value);
  for (double& value : values) value -= std::log(total);
  return values;
}

/// Log-probabilities that our own server sent; null = minus infinity.
std::vector<double> read_numbers(const json& list, std::size_t expected, const char* name) {
  if (list.is_null()) return {};
  if (!list.is_array() || list.size() != expected) fail(fmt::format("has a wrong number of \"{}\"", name));
  std::vector<double> values;
  for (const auto& value : list) {
    if (!value.is_number() && !value.is_null()) fail(fmt::format("has \"{}\" that are no numbers", name));
    values.push_back(value.is_null() ? -std::numeric_limits<double>::infinity() : value.get<double>());
  }
  return values;
}

void read_native(const AnswerGrammar& grammar, const json& native, RemoteAnswer& answer) {
  if (!native.is_object()) fail("has no \"llama4rec\"");
  const auto options = grammar.options.size();
  const std::size_t expected = grammar.kind == AnswerKind::kChoice ? 1 : options;
  const auto& order = member(native, "order");
  if (!order.is_array() || order.size() != expected) fail("has a wrong number of options in \"order\"");
  std::vector<bool> used(options, false);
  for (const auto& element : order) {
    const auto option = count(element);
    if (!option || *option >= static_cast<std::int64_t>(options) || used[static_cast<std::size_t>(*option)]) {
      fail("has an \"order\" that is none");
    }
    used[static_cast<std::size_t>(*option)] = true;
    answer.order.push_back(*option);
  }
  answer.option_log_probabilities =
      read_numbers(member(native, "option_log_probabilities"), options, "option_log_probabilities");
  answer.sequence_log_probabilities =
      read_numbers(member(native, "option_sequence_log_probabilities"), options, "option_sequence_log_probabilities");
}

const json& error_of(const json& document) {
  const auto& error = member(document, "error");
  return error.is_null() ? document : error;
}

}  // namespace

std::string request_path(const RequestForm& form) { return form.chat ? "/chat/completions" : "/completions"; }

std::string request_body(const RequestForm& form, const CompletionRequest& request, std::int64_t answer_limit) {
  const auto prompt =
      text::to_valid_utf8(request.prompt.joined() + constraint_instruction(form.constraint, request.grammar));
  json body;
  body["model"] = form.model;
  body["temperature"] = form.temperature;
  const auto message = [](const char* role, const std::string& content) {
    json object;
    object["role"] = role;
    object["content"] = content;
    return object;
  };
  const bool wants_probabilities = form.top_log_probabilities > 0 && request.grammar.kind == AnswerKind::kChoice &&
                                   form.constraint != ConstraintKind::kNative;
  if (form.chat) {
    body["messages"] = json::array();
    if (!form.system_prompt.empty())
      body["messages"].push_back(message("system", text::to_valid_utf8(form.system_prompt)));
    body["messages"].push_back(message("user", prompt));
    body[form.token_limit_field] = answer_limit;
    if (wants_probabilities) {
      body["logprobs"] = true;
      body["top_logprobs"] = form.top_log_probabilities;
    }
  } else {
    body["prompt"] = prompt;
    body["max_tokens"] = answer_limit;
    if (wants_probabilities) body["logprobs"] = form.top_log_probabilities;
  }
  add_constraint(form.constraint, request, body);
  return body.dump();
}

RemoteAnswer read_answer(const RequestForm& form, const CompletionRequest& request, const json& document) {
  RemoteAnswer answer;
  const auto& choice = first_choice(document);
  const auto& message = member(choice, "message");
  const auto& content = form.chat ? member(message, "content") : member(choice, "text");
  const auto& reason = member(choice, "finish_reason");
  if (reason.is_string()) answer.finish_reason = reason.get<std::string>();
  if (content.is_string()) {
    answer.text = content.get<std::string>();
  } else if (!(form.chat && message.is_object())) {  // a refusal's content is null: an answer that cannot be read
    fail("has no text");
  }
  const auto& usage = member(document, "usage");
  answer.prompt_tokens = count(member(usage, "prompt_tokens"));
  answer.answer_tokens = count(member(usage, "completion_tokens"));
  if (request.grammar.kind == AnswerKind::kFreeText) return answer;
  if (form.constraint == ConstraintKind::kNative) {
    read_native(request.grammar, member(choice, "llama4rec"), answer);
  } else if (request.grammar.kind == AnswerKind::kChoice) {
    answer.option_log_probabilities = option_log_probabilities(request.grammar, first_alternatives(form.chat, choice));
  }
  return answer;
}

std::string error_message(const std::string& body) {
  const auto document = json::parse(body, nullptr, false);
  std::string message;
  const auto& error = error_of(document);
  for (const char* name : {"message", "detail", "error"}) {
    const auto& value = member(error, name);
    if (value.is_string() && message.empty()) message = value.get<std::string>();
  }
  if (message.empty()) message = error.is_string() ? error.get<std::string>() : body;
  constexpr std::size_t kMost = 300;
  if (message.size() > kMost) message = message.substr(0, kMost) + "...";
  for (char& c : message) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = ' ';
  }
  return text::to_valid_utf8(text::trim(message));
}

std::string error_code(const std::string& body) {
  const auto document = json::parse(body, nullptr, false);
  for (const char* name : {"code", "type"}) {
    const auto& value = member(error_of(document), name);
    if (value.is_string()) return value.get<std::string>();
  }
  return "";
}

}  // namespace llama4rec::llm
