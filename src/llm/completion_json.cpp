#include "llm/completion_json.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

namespace llama4rec::llm {
namespace {

using nlohmann::json;

void append(std::string& text, const std::string& part) { text += fmt::format("{}:{};", part.size(), part); }

json numbers(const std::vector<double>& values) {
  json list = json::array();
  for (const double value : values) list.push_back(std::isfinite(value) ? json(value) : json());
  return list;
}

std::vector<double> read_numbers(const json& list) {
  std::vector<double> values;
  for (const auto& value : list) {
    values.push_back(value.is_null() ? -std::numeric_limits<double>::infinity() : value.get<double>());
  }
  return values;
}

}  // namespace

std::string canonical_request(const CompletionRequest& request) {
  const auto& grammar = request.grammar;
  std::string text = fmt::format("kind {} limit {} first {} prompt {} ", static_cast<int>(grammar.kind),
                                 request.maximum_tokens, grammar.generate_first, request.prompt.segments.size());
  for (const auto& segment : request.prompt.segments) append(text, segment);
  text += fmt::format(" options {} ", grammar.options.size());
  for (const auto& option : grammar.options) append(text, option);
  append(text, grammar.separator);
  if (request.sampling.temperature > 0) {
    text += fmt::format(" temperature {} top_p {} seed {}", request.sampling.temperature, request.sampling.top_p,
                        request.sampling.seed);
  }
  return text;
}

std::string completion_to_json(const Completion& completion) {
  // Text that is not UTF-8 (titles are taken as they are) is written byte by byte.
  json document = {{"order", completion.order},
                   {"option_log_probabilities", numbers(completion.option_log_probabilities)},
                   {"option_sequence_log_probabilities", numbers(completion.option_sequence_log_probabilities)},
                   {"prompt_tokens", completion.prompt_tokens},
                   {"answer_tokens", completion.answer_tokens}};
  try {
    json with_text = document;
    with_text["text"] = completion.text;
    return with_text.dump();
  } catch (const json::type_error&) {
    std::vector<int> bytes;
    for (const char byte : completion.text) bytes.push_back(static_cast<unsigned char>(byte));
    document["text"] = bytes;
    return document.dump();
  }
}

Completion completion_from_json(const std::string& text) {
  try {
    const auto document = json::parse(text);
    Completion completion;
    if (document.at("text").is_string()) {
      completion.text = document.at("text").get<std::string>();
    } else {
      for (const auto& byte : document.at("text")) completion.text += static_cast<char>(byte.get<int>());
    }
    completion.order = document.at("order").get<std::vector<std::int64_t>>();
    completion.option_log_probabilities = read_numbers(document.at("option_log_probabilities"));
    completion.option_sequence_log_probabilities = read_numbers(document.at("option_sequence_log_probabilities"));
    completion.prompt_tokens = document.at("prompt_tokens");
    completion.answer_tokens = document.at("answer_tokens");
    return completion;
  } catch (const json::exception& problem) {
    throw InternalError(fmt::format("a stored answer is damaged: {}", problem.what()));
  }
}

}  // namespace llama4rec::llm
