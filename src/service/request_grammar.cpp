#include "service/request_grammar.h"

#include <set>

#include <fmt/format.h>

#include "service/api_error.h"
#include "service/json_members.h"

namespace llama4rec::service {
namespace {

using nlohmann::json;

constexpr std::size_t kMostOptions = 1000;
constexpr std::size_t kLongestOption = 4096;
constexpr std::size_t kLongestName = 40;  // of a member, in a message
constexpr const char* kSeparator = "; ";  // what our prompts put between titles

[[noreturn]] void refuse(const std::string& parameter, const std::string& what) {
  throw ApiError(400, fmt::format("{}: {}", parameter, what), parameter);
}

std::vector<std::string> read_options(const json& list, const std::string& parameter) {
  if (!list.is_array() || list.empty() || list.size() > kMostOptions) {
    refuse(parameter, fmt::format("expected a list of 1 to {} texts", kMostOptions));
  }
  std::vector<std::string> options;
  std::set<std::string> seen;
  for (const auto& element : list) {
    if (!element.is_string()) refuse(parameter, "expected texts");
    auto option = element.get<std::string>();
    if (option.empty() || option.size() > kLongestOption) {
      refuse(parameter, fmt::format("expected texts of 1 to {} bytes", kLongestOption));
    }
    if (!seen.insert(option).second) refuse(parameter, "the texts are not distinct");
    options.push_back(std::move(option));
  }
  return options;
}

/// An enumeration, or an array of a fixed number of its values.
AnswerGrammar read_value_schema(const json& schema, const std::string& parameter) {
  if (const json* options = given(schema, "enum")) {
    return {.kind = AnswerKind::kChoice, .options = read_options(*options, parameter), .separator = ""};
  }
  const json* items = given(schema, "items");
  const json* options = items == nullptr ? nullptr : given(*items, "enum");
  if (options == nullptr) {
    refuse(parameter, "expected a schema of an enumeration of texts, or of an array of them");
  }
  AnswerGrammar grammar{
      .kind = AnswerKind::kPermutation, .options = read_options(*options, parameter), .separator = kSeparator};
  const auto all = static_cast<std::int64_t>(grammar.options.size());
  const json* least = given(schema, "minItems");
  const json* most = given(schema, "maxItems");
  const bool fixed = least != nullptr && most != nullptr && least->is_number_integer() && *least == *most &&
                     *least >= 1 && *least <= all;
  if (!fixed)
    refuse(parameter, "an array needs minItems and maxItems that are equal, and at most as many as its texts");
  const auto count = least->get<std::int64_t>();
  grammar.generate_first = count == all ? 0 : count;
  return grammar;
}

void read_schema(const json& schema, const std::string& parameter, ApiRequest& request) {
  const json* properties = given(schema, "properties");
  if (properties != nullptr) {
    if (!properties->is_object() || properties->size() != 1) refuse(parameter, "an object needs exactly one member");
    request.form = AnswerForm::kObject;
    request.member = properties->begin().key();
    request.completion.grammar = read_value_schema(properties->begin().value(), parameter);
  } else {
    request.form = AnswerForm::kJson;
    request.completion.grammar = read_value_schema(schema, parameter);
  }
}

void read_response_format(const json& format, ApiRequest& request) {
  const json* type = given(format, "type");
  if (type == nullptr || !type->is_string()) refuse("response_format", "expected an object with a type");
  if (*type == "text") return;
  const json* wrapper = given(format, "json_schema");
  const json* schema = wrapper == nullptr ? nullptr : given(*wrapper, "schema");
  if (*type != "json_schema" || schema == nullptr) {
    refuse("response_format", "expected the type text, or json_schema with a schema");
  }
  read_schema(*schema, "response_format", request);
}

AnswerGrammar read_choice(const json& options, const std::string& parameter) {
  return {.kind = AnswerKind::kChoice, .options = read_options(options, parameter), .separator = ""};
}

/// vLLM's form of guided_choice and guided_json; what else it may hold there cannot be served.
void read_structured_outputs(const json& form, ApiRequest& request) {
  const std::string name = "structured_outputs";
  if (!form.is_object()) refuse(name, "expected an object with choice or json");
  for (const auto& [member, value] : form.items()) {
    if (value.is_null() || member == "choice" || member == "json") continue;
    refuse(name, fmt::format("\"{}\" cannot be served, expected choice or json", member.substr(0, kLongestName)));
  }
  const json* options = given(form, "choice");
  const json* schema = given(form, "json");
  if ((options == nullptr) == (schema == nullptr)) refuse(name, "expected one of choice and json");
  if (options != nullptr) {
    request.completion.grammar = read_choice(*options, name + ".choice");
  } else {
    read_schema(*schema, name + ".json", request);
  }
}

std::vector<std::string> read_segments(const json& list) {
  if (!list.is_array() || list.empty()) refuse("llama4rec", "segments: expected a list of texts");
  std::vector<std::string> segments;
  for (const auto& element : list) {
    if (!element.is_string()) refuse("llama4rec", "segments: expected a list of texts");
    segments.push_back(element.get<std::string>());
  }
  return segments;
}

void read_native(const json& native, ApiRequest& request) {
  if (!native.is_object()) refuse("llama4rec", "expected an object");
  request.native = true;
  if (const json* segments = given(native, "segments")) request.completion.prompt.segments = read_segments(*segments);
  const json* kind = given(native, "kind");
  if (kind == nullptr) return;
  auto& grammar = request.completion.grammar;
  if (*kind != "choice" && *kind != "permutation") refuse("llama4rec", "kind: expected choice or permutation");
  grammar.kind = *kind == "choice" ? AnswerKind::kChoice : AnswerKind::kPermutation;
  const json* options = given(native, "options");
  if (options == nullptr) refuse("llama4rec", "options: expected a list of texts");
  grammar.options = read_options(*options, "llama4rec");
  if (const json* separator = given(native, "separator")) {
    if (!separator->is_string() || separator->get_ref<const std::string&>().size() > kLongestOption) {
      refuse("llama4rec", "separator: expected a short text");
    }
    grammar.separator = separator->get<std::string>();
  }
  if (grammar.kind == AnswerKind::kPermutation && grammar.separator.empty()) {
    refuse("llama4rec", "separator: a permutation needs one");
  }
  if (const json* first = given(native, "generate_first")) {
    const bool fits =
        first->is_number_integer() && *first >= 0 && *first <= static_cast<std::int64_t>(grammar.options.size());
    if (!fits) refuse("llama4rec", "generate_first: expected an integer from 0 to the number of options");
    grammar.generate_first = first->get<std::int64_t>();
  }
}

}  // namespace

void read_grammar(const json& document, ApiRequest& request) {
  const json* format = given(document, "response_format");
  if (format != nullptr && given(*format, "type") != nullptr && *given(*format, "type") == "text") format = nullptr;
  int ways = format != nullptr ? 1 : 0;
  for (const char* name : {"guided_choice", "guided_json", "structured_outputs", "llama4rec"}) {
    if (given(document, name) != nullptr) ++ways;
  }
  if (ways > 1) {
    throw ApiError(400, "give one of guided_choice, guided_json, structured_outputs, response_format and llama4rec",
                   "guided_choice");
  }
  if (const json* options = given(document, "guided_choice")) {
    request.completion.grammar = read_choice(*options, "guided_choice");
  } else if (const json* schema = given(document, "guided_json")) {
    read_schema(*schema, "guided_json", request);
  } else if (const json* form = given(document, "structured_outputs")) {
    read_structured_outputs(*form, request);
  } else if (format != nullptr) {
    read_response_format(*format, request);
  } else if (const json* native = given(document, "llama4rec")) {
    read_native(*native, request);
  }
}

}  // namespace llama4rec::service
