#include "augmentation/attribute_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <unordered_map>

#include <fmt/format.h>

#include "core/text.h"

namespace llama4rec::augmentation {
namespace {

constexpr std::size_t kLongestValue = 60;

std::string_view without_ends(std::string_view text) {
  constexpr std::string_view kEnds = " \t\r\"'.`*";
  // Typographic quotes in UTF-8.
  constexpr std::array<std::string_view, 7> kQuotes = {"\xE2\x80\x9C", "\xE2\x80\x9D", "\xE2\x80\x9E", "\xE2\x80\x98",
                                                       "\xE2\x80\x99", "\xC2\xAB",     "\xC2\xBB"};
  for (bool changed = true; changed;) {
    changed = false;
    const auto first = text.find_first_not_of(kEnds);
    if (first == std::string_view::npos) return {};
    text = text.substr(first, text.find_last_not_of(kEnds) - first + 1);
    for (const auto quote : kQuotes) {
      if (text.starts_with(quote)) {
        text.remove_prefix(quote.size());
        changed = true;
      }
      if (text.ends_with(quote)) {
        text.remove_suffix(quote.size());
        changed = true;
      }
    }
  }
  return text;
}

bool says_unknown(std::string_view value) {
  static const std::vector<std::string> kForms = {
      "",      "unknown", "not known",     "n/a", "na",      "none",          "null",         "?",
      "-",     "unclear", "not available", "tbd", "no idea", "i do not know", "i don't know", "not sure",
      "unsure"};
  static const std::vector<std::string> kBeginnings = {"unknown ", "not sure", "not known", "i am not",
                                                       "i'm not",  "i do not", "i don't",   "no information"};
  const std::string plain = text::lower(value);
  return std::find(kForms.begin(), kForms.end(), plain) != kForms.end() ||
         std::any_of(kBeginnings.begin(), kBeginnings.end(), [&](const auto& it) { return plain.starts_with(it); });
}

std::string with_single_blanks(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t';
    if (blank && (result.empty() || result.back() == ' ')) continue;
    result.push_back(blank ? ' ' : c);
  }
  while (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

std::vector<std::string_view> split_values(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  std::size_t i = 0;
  const auto cut = [&](std::size_t end, std::size_t next) {
    parts.push_back(text.substr(begin, end - begin));
    begin = next;
    i = next;
  };
  while (i < text.size()) {
    if (std::string_view(";,/&|").find(text[i]) != std::string_view::npos) {
      cut(i, i + 1);
    } else if (text.substr(i).starts_with(" and ")) {
      cut(i, i + 5);
    } else {
      ++i;
    }
  }
  parts.push_back(text.substr(begin));
  return parts;
}

ReadAnswer read_free(std::string_view line) {
  ReadAnswer result;
  if (says_unknown(with_single_blanks(without_ends(line)))) return result;  // "n/a" is not two values
  for (const auto part : split_values(line)) {
    std::string value = with_single_blanks(without_ends(part));
    if (says_unknown(value)) continue;
    if (value.size() > kLongestValue || !text::is_valid_utf8(value)) {
      result.unreadable = true;
      continue;
    }
    const bool there = std::any_of(result.values.begin(), result.values.end(),
                                   [&](const std::string& other) { return text::lower(other) == text::lower(value); });
    if (!there) result.values.push_back(std::move(value));
  }
  return result;
}

ReadAnswer read_closed(const AttributeDeclaration& declaration, std::string_view line) {
  const std::string value = text::lower(with_single_blanks(without_ends(line)));
  for (const auto& one : declaration.values) {
    if (text::lower(one) == value) return {.values = {one}, .unreadable = false};
  }
  return {.values = {}, .unreadable = !says_unknown(value)};
}

ReadAnswer read_number(const AttributeDeclaration& declaration, std::string_view line) {
  const auto first = line.find_first_of("0123456789");
  if (first == std::string_view::npos) {
    return {.values = {}, .unreadable = !says_unknown(with_single_blanks(without_ends(line)))};
  }
  // "1,234" is one number, "1,2345" and "1,2" are two.
  const auto digit = [&](std::size_t at) { return at < line.size() && line[at] >= '0' && line[at] <= '9'; };
  std::string digits;
  for (std::size_t i = first; i < line.size(); ++i) {
    const char c = line[i];
    const bool group = c == ',' && digit(i + 1) && digit(i + 2) && digit(i + 3) && !digit(i + 4);
    if (group) continue;
    if (!((c >= '0' && c <= '9') || c == '.')) break;
    digits.push_back(c);
  }
  double number = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), number).ec != std::errc()) {
    return {.values = {}, .unreadable = true};
  }
  const bool sign = first > 0 && line[first - 1] == '-' && (first == 1 || line[first - 2] == ' ');
  if (sign) number = -number;
  return {.values = {bin_name(declaration.edges, number)}, .unreadable = false};
}

bool has_digit(std::string_view text) { return text.find_first_of("0123456789") != std::string_view::npos; }

/// Whether two values without capitals are spellings of one.
bool alike(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const std::size_t shorter = std::min(a.size(), b.size());
  const std::size_t most = shorter >= 10 ? 2 : shorter >= 5 ? 1 : 0;
  if (most == 0 || a.front() != b.front() || std::max(a.size(), b.size()) - shorter > most) return false;
  if (has_digit(a) || has_digit(b)) return false;
  return text::edit_distance(a, b) <= most;
}

}  // namespace

std::string bin_name(const std::vector<double>& edges, double number) {
  const auto above = std::upper_bound(edges.begin(), edges.end(), number);
  if (above == edges.begin()) return fmt::format("below {}", edges.front());
  if (above == edges.end()) return fmt::format("{} or more", edges.back());
  return fmt::format("{}-{}", *(above - 1), *above);
}

ReadAnswer read_answer(const AttributeDeclaration& declaration, std::string_view answer, std::string_view title) {
  const auto start = answer.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return {};
  answer.remove_prefix(start);
  std::string_view line = answer.substr(0, answer.find('\n'));
  if (text::lower(line).starts_with(text::lower(declaration.name) + ":")) {
    line.remove_prefix(declaration.name.size() + 1);
  }
  // Whoever says the title has repeated the question.
  if (!title.empty() && text::lower(line).find(text::lower(title)) != std::string::npos) {
    return {.values = {}, .unreadable = true};
  }
  switch (declaration.kind) {
    case AttributeKind::kClosed:
      return read_closed(declaration, line);
    case AttributeKind::kNumber:
      return read_number(declaration, line);
    case AttributeKind::kFree:
      break;
  }
  return read_free(line);
}

std::int64_t spell_alike(std::vector<std::vector<std::string>>& cells) {
  std::map<std::string, std::int64_t> counts;
  for (const auto& cell : cells) {
    for (const auto& value : cell) ++counts[value];
  }
  std::vector<std::pair<std::string, std::int64_t>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  // Spellings that stand for others, by their first letter: no variant differs in it.
  std::map<char, std::vector<std::pair<std::string, std::string>>> chosen;  // without capitals, as it is shown
  std::unordered_map<std::string, std::string> spelling;
  for (const auto& [value, count] : order) {
    const std::string plain = text::lower(value);
    auto& others = chosen[plain.front()];
    const auto found =
        std::find_if(others.begin(), others.end(), [&](const auto& other) { return alike(other.first, plain); });
    if (found == others.end()) {
      others.emplace_back(plain, value);
      spelling[value] = value;
    } else {
      spelling[value] = found->second;
    }
  }
  std::int64_t changed = 0;
  for (auto& cell : cells) {
    bool touched = false;
    std::vector<std::string> result;
    for (const auto& value : cell) {
      const std::string& shown = spelling[value];
      touched = touched || shown != value;
      if (std::find(result.begin(), result.end(), shown) == result.end()) result.push_back(shown);
    }
    cell = std::move(result);
    changed += touched ? 1 : 0;
  }
  return changed;
}

std::string cell_text(const std::vector<std::string>& values) { return text::join(values, "|"); }

}  // namespace llama4rec::augmentation
