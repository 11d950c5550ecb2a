#include "prompts/item_texts.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include <fmt/format.h>

#include "core/text.h"

namespace llama4rec::prompts {
namespace {

/// One line, blanks joined, valid UTF-8, at most `limit` bytes without cutting a character.
std::string one_line(const std::string& title, std::size_t limit) {
  const std::string valid = text::to_valid_utf8(title);
  std::string line;
  for (const char c : valid) {
    const bool blank = static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
    if (!blank) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  if (line.size() > limit) {
    std::size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;
    line.resize(end);
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace

ItemTexts::ItemTexts(const Dataset& dataset)
    : noun_(dataset.item_noun), rating_minimum_(dataset.rating_minimum), rating_step_(dataset.rating_step) {
  std::unordered_set<std::string> taken;
  titles_.reserve(dataset.item_titles.size());
  for (std::size_t item = 0; item < dataset.item_titles.size(); ++item) {
    std::string title = one_line(dataset.item_titles[item], kLongestTitle);
    if (title.empty()) title = fmt::format("untitled {} {}", noun_, one_line(dataset.item_ids[item], kLongestTitle));
    std::string distinct = title;
    for (int copy = 2; !taken.insert(distinct).second; ++copy) distinct = fmt::format("{} ({})", title, copy);
    if (distinct != dataset.item_titles[item]) ++changed_;
    titles_.push_back(std::move(distinct));
  }
  const auto steps =
      std::llround((static_cast<double>(dataset.rating_maximum) - rating_minimum_) / static_cast<double>(rating_step_));
  for (std::int64_t step = 0; step <= steps; ++step) {
    ratings_.push_back(fmt::format("{}", rating_minimum_ + rating_step_ * static_cast<double>(step)));
  }
}

std::vector<std::string> ItemTexts::titles(const std::vector<ItemIndex>& items) const {
  std::vector<std::string> result;
  result.reserve(items.size());
  for (const ItemIndex item : items) result.push_back(title(item));
  return result;
}

double ItemTexts::rating_value(std::size_t index) const {
  return rating_minimum_ + rating_step_ * static_cast<double>(index);
}

const std::string& ItemTexts::rating(double value) const {
  const auto last = static_cast<double>(ratings_.size() - 1);
  const double step = std::clamp(std::round((value - rating_minimum_) / rating_step_), 0.0, last);
  return ratings_[static_cast<std::size_t>(step)];
}

}  // namespace llama4rec::prompts
