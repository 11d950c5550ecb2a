#include "llm/remote/answer_parser.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "config/option_value.h"
#include "core/text.h"

namespace llama4rec::llm {
namespace {

using nlohmann::json;

/// Marks that models put around a title, opening and closing.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kQuotes{{{"**", "**"},
                                                                                {"\"", "\""},
                                                                                {"'", "'"},
                                                                                {"`", "`"},
                                                                                {"*", "*"},
                                                                                {"\xE2\x80\x9C", "\xE2\x80\x9D"},
                                                                                {"\xE2\x80\x98", "\xE2\x80\x99"},
                                                                                {"\xC2\xAB", "\xC2\xBB"}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Without blanks and marks around it.
std::string_view bare(std::string_view text) {
  text = text::trim(text);
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [open, close] : kQuotes) {
      if (text.size() >= open.size() + close.size() && text.starts_with(open) && text.ends_with(close)) {
        text = text::trim(text.substr(open.size(), text.size() - open.size() - close.size()));
        changed = true;
      }
    }
  }
  return text;
}

/// Lower case, single blanks.
std::string folded(std::string_view text) {
  std::string result;
  for (const char c : text::lower(bare(text))) {
    const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (!blank) {
      result += c;
    } else if (!result.empty() && result.back() != ' ') {
      result += ' ';
    }
  }
  return result;
}

/// Without "1.", "2)", "(3)", "#4", "-", "*" or a bullet before it.
std::string_view without_numbering(std::string_view text) {
  text = text::trim(text);
  for (const std::string_view bullet : {"- ", "* ", "+ ", "\xE2\x80\xA2", "\xE2\x80\x93 "}) {
    if (text.starts_with(bullet)) return text::trim(text.substr(bullet.size()));
  }
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '(' || text[at] == '#')) ++at;
  const std::size_t first_digit = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  constexpr std::size_t kMostDigits = 4;
  if (at == first_digit || at - first_digit > kMostDigits || at >= text.size()) return text;
  const bool decimal = text[at] == '.' && at + 1 < text.size() && is_digit(text[at + 1]);
  if (!decimal && (text[at] == '.' || text[at] == ')' || text[at] == ':')) return text::trim(text.substr(at + 1));
  return first_digit > 0 ? text::trim(text.substr(at)) : text;
}

/// Finds an option from what a model made of it.
class OptionFinder {
 public:
  explicit OptionFinder(const std::vector<std::string>& options) : options_(options) {
    for (std::size_t i = 0; i < options.size(); ++i) {
      exact_.emplace(text::to_valid_utf8(options[i]), i);
      const auto [place, fresh] = folded_.emplace(folded(text::to_valid_utf8(options[i])), i);
      if (!fresh) place->second = kAmbiguous;
    }
  }

  struct Found {
    std::int64_t option = -1;
    bool repaired = false;
  };

  [[nodiscard]] std::optional<Found> find(std::string_view piece) const {
    const auto trimmed = text::trim(piece);
    if (const auto place = exact_.find(trimmed); place != exact_.end()) {
      return Found{.option = static_cast<std::int64_t>(place->second)};
    }
    for (const auto candidate : {trimmed, without_numbering(trimmed), without_numbering(bare(trimmed))}) {
      if (const auto option = find_folded(folded(candidate))) return Found{.option = *option, .repaired = true};
      if (!candidate.empty() && (candidate.back() == '.' || candidate.back() == ',')) {
        const auto shorter = folded(candidate.substr(0, candidate.size() - 1));
        if (const auto option = find_folded(shorter)) return Found{.option = *option, .repaired = true};
      }
    }
    if (const auto option = find_number(bare(trimmed))) return Found{.option = *option, .repaired = true};
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kAmbiguous = static_cast<std::size_t>(-1);

  [[nodiscard]] std::optional<std::int64_t> find_folded(const std::string& text) const {
    const auto place = folded_.find(text);
    if (place == folded_.end() || place->second == kAmbiguous || text.empty()) return std::nullopt;
    return static_cast<std::int64_t>(place->second);
  }

  /// The only option of that value.
  [[nodiscard]] std::optional<std::int64_t> find_number(std::string_view text) const {
    const auto value = config::parse_number(text);
    if (!value) return std::nullopt;
    std::optional<std::int64_t> found;
    for (std::size_t i = 0; i < options_.size(); ++i) {
      const auto option = config::parse_number(options_[i]);
      if (!option || *option != *value) continue;
      if (found) return std::nullopt;
      found = static_cast<std::int64_t>(i);
    }
    return found;
  }

  const std::vector<std::string>& options_;
  std::map<std::string, std::size_t, std::less<>> exact_;
  std::map<std::string, std::size_t, std::less<>> folded_;
};

std::string scalar_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() ? value.dump() : "";
}

/// The answer as a JSON document, discarded where it is none. A fence of back-ticks around it is taken off.
json as_json(std::string_view text) {
  text = text::trim(text);
  if (text.starts_with("```")) {
    const auto line = text.find('\n');
    const auto end = text.rfind("```");
    if (line != std::string_view::npos && end > line) text = text::trim(text.substr(line, end - line));
  }
  if (!text.starts_with('{') && !text.starts_with('[') && !text.starts_with('"')) return json(json::value_t::discarded);
  return json::parse(text.begin(), text.end(), nullptr, false);
}

/// The value that a document is about: itself, or the only (or "answer") member of an object.
json subject(const json& document) {
  if (!document.is_object() || document.empty()) return document;
  const auto answer = document.find("answer");
  if (answer != document.end()) return *answer;
  return document.size() == 1 ? *document.begin() : document;
}

/// Pieces of a permutation, and the options that they name.
struct Reading {
  std::vector<std::int64_t> order;
  bool repaired = false;
};

/// Reads pieces; an option that holds the separator lies in several neighbouring ones.
Reading read_pieces(const std::vector<std::string>& pieces, std::string_view separator, const OptionFinder& finder,
                    std::size_t options) {
  Reading reading;
  std::vector<bool> used(options, false);
  constexpr std::size_t kMostJoined = 8;
  for (std::size_t begin = 0; begin < pieces.size();) {
    std::optional<OptionFinder::Found> found;
    std::size_t taken = std::min(kMostJoined, pieces.size() - begin);
    for (; taken > 0 && !found; --taken) {
      std::string joined = pieces[begin];
      for (std::size_t i = 1; i < taken; ++i) joined.append(separator).append(pieces[begin + i]);
      found = finder.find(joined);
      if (found) break;
    }
    if (!found) {
      if (!text::trim(pieces[begin]).empty()) reading.repaired = true;
      ++begin;
      continue;
    }
    begin += taken;
    reading.repaired = reading.repaired || found->repaired;
    if (used[static_cast<std::size_t>(found->option)]) {
      reading.repaired = true;
      continue;
    }
    used[static_cast<std::size_t>(found->option)] = true;
    reading.order.push_back(found->option);
  }
  return reading;
}

std::vector<std::string> pieces_of(const std::string& text, std::string_view separator) {
  std::vector<std::string> pieces;
  for (const auto part : text::split(text, separator)) pieces.emplace_back(part);
  return pieces;
}

ParsedAnswer parse_permutation(const AnswerGrammar& grammar, const std::string& text) {
  const OptionFinder finder(grammar.options);
  const std::size_t options = grammar.options.size();
  Reading best;
  const json document = as_json(text);
  if (const json list = subject(document); list.is_array()) {
    std::vector<std::string> pieces;
    for (const auto& element : list) pieces.push_back(scalar_text(subject(element)));
    best = read_pieces(pieces, grammar.separator, finder, options);
  } else {
    const std::array<std::string_view, 5> separators{grammar.separator, text::trim(grammar.separator), "\n", ",", ">"};
    for (std::size_t s = 0; s < separators.size(); ++s) {
      if (separators[s].empty()) continue;
      auto reading = read_pieces(pieces_of(text, separators[s]), separators[s], finder, options);
      reading.repaired = reading.repaired || s > 0;
      if (s == 0 || reading.order.size() > best.order.size()) best = std::move(reading);
      if (best.order.size() == options) break;
    }
  }
  const auto wanted =
      grammar.generate_first > 0 ? std::min(static_cast<std::size_t>(grammar.generate_first), options) : options;
  if (2 * best.order.size() < wanted || best.order.empty()) {
    return {.problem = fmt::format("{} of {} options are named", best.order.size(), options)};
  }
  ParsedAnswer answer{.order = std::move(best.order), .repaired = best.repaired};
  if (answer.order.size() < wanted) answer.repaired = true;
  for (std::size_t i = 0; i < options; ++i) {
    const auto option = static_cast<std::int64_t>(i);
    if (std::find(answer.order.begin(), answer.order.end(), option) == answer.order.end())
      answer.order.push_back(option);
  }
  return answer;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

/// Whether text[begin, end) stands alone: not inside of a word, nor "3" in "3.5".
bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  if (begin > 0 && is_word(text[begin]) && is_word(text[begin - 1])) return false;
  if (end < text.size() && is_word(text[end - 1]) && is_word(text[end])) return false;
  const auto in_number = [&](std::size_t point, std::size_t digit) {
    return (text[point] == '.' || text[point] == ',') && is_digit(text[digit]);
  };
  if (begin > 1 && is_digit(text[begin]) && in_number(begin - 1, begin - 2)) return false;
  return !(end + 1 < text.size() && is_digit(text[end - 1]) && in_number(end, end + 1));
}

/// Every option that stands in the text as whole words, ignoring case; longer ones hide the shorter ones inside of them.
std::vector<std::int64_t> mentioned(const std::vector<std::string>& options, const std::string& text) {
  std::map<std::string, std::vector<std::int64_t>> by_text;
  for (std::size_t i = 0; i < options.size(); ++i) {
    by_text[folded(text::to_valid_utf8(options[i]))].push_back(static_cast<std::int64_t>(i));
  }
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> by_length(by_text.begin(), by_text.end());
  std::stable_sort(by_length.begin(), by_length.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  std::string searched = folded(text);
  std::vector<std::int64_t> found;
  for (const auto& [option, places] : by_length) {
    if (option.empty()) continue;
    bool here = false;
    for (auto at = searched.find(option); at != std::string::npos; at = searched.find(option, at + 1)) {
      if (!stands_alone(searched, at, at + option.size())) continue;
      here = true;
      std::fill_n(searched.begin() + static_cast<std::ptrdiff_t>(at), option.size(), '\x01');
    }
    if (here) found.insert(found.end(), places.begin(), places.end());
  }
  return found;
}

ParsedAnswer parse_choice(const AnswerGrammar& grammar, const std::string& text) {
  const OptionFinder finder(grammar.options);
  if (const auto found = finder.find(text)) return {.order = {found->option}, .repaired = found->repaired};
  if (const json document = as_json(text); !document.is_discarded()) {
    if (const auto found = finder.find(scalar_text(subject(document)))) {
      return {.order = {found->option}, .repaired = found->repaired};
    }
  }
  const auto named = mentioned(grammar.options, text);
  if (named.size() == 1) return {.order = named, .repaired = true};
  return {.problem = fmt::format("{} of {} options are named, expected 1", named.size(), grammar.options.size())};
}

}  // namespace

ParsedAnswer parse_answer(const AnswerGrammar& grammar, const std::string& text) {
  constexpr std::size_t kLongest = std::size_t{1} << 20U;
  if (grammar.kind != AnswerKind::kFreeText && text.size() > kLongest) {
    return {.problem = fmt::format("{} bytes are more than any answer has", text.size())};
  }
  switch (grammar.kind) {
    case AnswerKind::kChoice:
      return parse_choice(grammar, text);
    case AnswerKind::kPermutation:
      return parse_permutation(grammar, text);
    case AnswerKind::kFreeText:
      break;
  }
  return {};
}

std::string canonical_answer(const AnswerGrammar& grammar, const std::vector<std::int64_t>& order) {
  std::string text;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0) text += grammar.separator;
    text += grammar.options[static_cast<std::size_t>(order[i])];
  }
  return text;
}

}  // namespace llama4rec::llm
