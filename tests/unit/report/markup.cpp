#include "unit/report/markup.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace llama4rec::report {
namespace {

bool is_void(std::string_view name) {
  constexpr std::array<std::string_view, 6> kVoid = {"meta", "link", "img", "br", "hr", "input"};
  return std::find(kVoid.begin(), kVoid.end(), name) != kVoid.end();
}

class Parser {
 public:
  explicit Parser(std::string_view html) : html_(html) {}

  Markup parse() {
    constexpr std::string_view kDoctype = "<!DOCTYPE html>\n";
    if (html_.substr(0, kDoctype.size()) != kDoctype) problem("no doctype");
    position_ = kDoctype.size();
    while (position_ < html_.size()) {
      if (html_[position_] == '<') {
        tag();
      } else {
        const auto end = std::min(html_.find('<', position_), html_.size());
        result_.texts.push_back(decode(html_.substr(position_, end - position_)));
        position_ = end;
      }
    }
    for (const auto& name : open_) problem("not closed: " + name);
    return std::move(result_);
  }

 private:
  void problem(const std::string& what) { result_.problems.push_back(what + " at byte " + std::to_string(position_)); }

  std::string name() {
    std::string result;
    while (position_ < html_.size() &&
           (std::isalnum(static_cast<unsigned char>(html_[position_])) != 0 || html_[position_] == '-')) {
      result += html_[position_++];
    }
    return result;
  }

  void tag() {
    ++position_;
    const bool closes = html_.substr(position_, 1) == "/";
    if (closes) ++position_;
    const std::string element = name();
    if (element.empty()) problem("a bare <");
    if (closes) {
      if (open_.empty() || open_.back() != element) {
        problem("</" + element + "> closes " + (open_.empty() ? "nothing" : open_.back()));
      } else {
        open_.pop_back();
      }
    } else {
      ++result_.elements[element];
      attributes();
      if (!is_void(element)) open_.push_back(element);
    }
    if (html_.substr(position_, 1) != ">") problem("no > after " + element);
    ++position_;
    if (!closes && (element == "script" || element == "style")) raw_text(element);
  }

  void attributes() {
    while (html_.substr(position_, 1) == " ") {
      ++position_;
      const std::string key = name();
      if (key.empty()) problem("an attribute without a name");
      std::string value;
      if (html_.substr(position_, 2) == "=\"") {
        position_ += 2;
        const auto end = std::min(html_.find('"', position_), html_.size());
        value = decode(html_.substr(position_, end - position_));
        position_ = end + 1;
      }
      result_.attributes.push_back(key + "=" + value);
      if (key == "id") result_.ids.push_back(value);
    }
  }

  void raw_text(const std::string& element) {
    const auto end = std::min(html_.find("</" + element, position_), html_.size());
    if (element == "script") result_.scripts.emplace_back(html_.substr(position_, end - position_));
    position_ = end;
  }

  std::string decode(std::string_view text) {
    static const std::array<std::pair<std::string_view, char>, 5> kEntities = {
        {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}}};
    std::string result;
    for (std::size_t i = 0; i < text.size();) {
      if (text[i] == '>') problem("a bare >");
      if (text[i] != '&') {
        result += text[i++];
        continue;
      }
      const auto* const entity = std::find_if(kEntities.begin(), kEntities.end(), [&](const auto& one) {
        return text.substr(i, one.first.size()) == one.first;
      });
      if (entity == kEntities.end()) {
        problem("a bare &");
        result += text[i++];
      } else {
        result += entity->second;
        i += entity->first.size();
      }
    }
    return result;
  }

  std::string_view html_;
  std::size_t position_ = 0;
  std::vector<std::string> open_;
  Markup result_;
};

}  // namespace

Markup parse_markup(std::string_view html) { return Parser(html).parse(); }

}  // namespace llama4rec::report
