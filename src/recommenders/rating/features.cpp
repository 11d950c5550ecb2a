#include "recommenders/rating/features.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::recommenders {
namespace {

constexpr std::size_t kMostFlags = 64;
constexpr std::int32_t kNone = -1;

std::vector<std::string_view> parts_of(std::string_view cell) {
  std::vector<std::string_view> parts;
  while (!cell.empty()) {
    const auto bar = cell.find('|');
    const auto part = cell.substr(0, bar);
    if (!part.empty() && std::find(parts.begin(), parts.end(), part) == parts.end()) parts.push_back(part);
    if (bar == std::string_view::npos) break;
    cell.remove_prefix(bar + 1);
  }
  return parts;
}

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// Codes of one side, grown field by field.
class SideBuilder {
 public:
  SideBuilder(std::int64_t members, bool of_item, FeatureTable& table)
      : members_(members), of_item_(of_item), codes_(static_cast<std::size_t>(members) + 1), table_(table) {}

  /// A field whose rows are given for each member, from 0 within the field; missing members are unknown (0).
  void add(const std::string& name, std::int64_t rows, const std::vector<std::vector<std::int32_t>>& values) {
    std::size_t slots = 1;
    for (const auto& cell : values) slots = std::max(slots, cell.size());
    table_.fields.push_back({.name = name,
                             .of_item = of_item_,
                             .first_row = table_.rows,
                             .rows = rows,
                             .first_slot = slots_,
                             .slots = static_cast<std::int64_t>(slots)});
    for (std::size_t member = 0; member < codes_.size(); ++member) {
      const bool known = member < values.size() && !values[member].empty();
      for (std::size_t slot = 0; slot < slots; ++slot) {
        std::int32_t code = kNone;
        if (known && slot < values[member].size()) {
          code = static_cast<std::int32_t>(table_.rows) + values[member][slot];
        } else if (slot == 0) {
          code = static_cast<std::int32_t>(table_.rows);
        }
        codes_[member].push_back(code);
      }
    }
    slots_ += static_cast<std::int64_t>(slots);
    table_.rows += rows;
  }

  /// The field of the members themselves. Returns how many training has not seen.
  std::int64_t add_members(const std::string& name, const std::vector<bool>& seen) {
    std::vector<std::vector<std::int32_t>> values(static_cast<std::size_t>(members_));
    std::int32_t next = 1;
    for (std::size_t member = 0; member < values.size(); ++member) {
      if (seen[member]) values[member] = {next++};
    }
    add(name, next, values);
    return members_ - (next - 1);
  }

  void add_attributes(const AttributeTable* attributes, const FeatureOptions& options);

  void finish(std::int64_t& slots, std::vector<std::int32_t>& codes) const {
    slots = slots_;
    for (const auto& row : codes_) codes.insert(codes.end(), row.begin(), row.end());
  }

 private:
  void add_numbers(const std::string& name, const std::vector<std::optional<double>>& numbers, std::int64_t bins);
  void add_categories(const std::string& name, const std::vector<std::vector<std::string_view>>& cells,
                      const FeatureOptions& options);

  std::int64_t members_;
  bool of_item_;
  std::int64_t slots_ = 0;
  std::vector<std::vector<std::int32_t>> codes_;  ///< [members + 1][slots]
  FeatureTable& table_;
};

/// Quantiles: a value's bin is the number of cuts that are not above it, so equal values share a bin.
void SideBuilder::add_numbers(const std::string& name, const std::vector<std::optional<double>>& numbers,
                              std::int64_t bins) {
  std::vector<double> sorted;
  for (const auto& number : numbers) {
    if (number) sorted.push_back(*number);
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> cuts;
  for (std::int64_t n = 1; n < bins; ++n) {
    const double cut = sorted[static_cast<std::size_t>(n) * sorted.size() / static_cast<std::size_t>(bins)];
    if (cut > sorted.front() && (cuts.empty() || cut > cuts.back())) cuts.push_back(cut);
  }
  std::vector<std::vector<std::int32_t>> values(numbers.size());
  for (std::size_t member = 0; member < numbers.size(); ++member) {
    if (!numbers[member]) continue;
    const auto bin = std::upper_bound(cuts.begin(), cuts.end(), *numbers[member]) - cuts.begin();
    values[member] = {static_cast<std::int32_t>(bin) + 2};
  }
  add(name, static_cast<std::int64_t>(cuts.size()) + 3, values);
}

void SideBuilder::add_categories(const std::string& name, const std::vector<std::vector<std::string_view>>& cells,
                                 const FeatureOptions& options) {
  std::map<std::string_view, std::int64_t> counts;
  bool multivalued = false;
  for (const auto& cell : cells) {
    multivalued = multivalued || cell.size() > 1;
    for (const auto value : cell) ++counts[value];
  }
  if (multivalued && options.multivalued == "flags" && counts.size() <= kMostFlags) {
    for (const auto& [flag, count] : counts) {
      std::vector<std::vector<std::int32_t>> values(cells.size());
      for (std::size_t member = 0; member < cells.size(); ++member) {
        if (cells[member].empty()) continue;
        const bool present = std::find(cells[member].begin(), cells[member].end(), flag) != cells[member].end();
        values[member] = {present ? 2 : 1};
      }
      add(fmt::format("{}={}", name, flag), 3, values);
    }
    return;
  }
  std::map<std::string_view, std::int32_t> rows;
  std::int32_t next = 2;
  for (const auto& [value, count] : counts) rows[value] = count >= options.minimum_count ? next++ : 1;
  std::vector<std::vector<std::int32_t>> values(cells.size());
  for (std::size_t member = 0; member < cells.size(); ++member) {
    std::set<std::int32_t> distinct;
    for (const auto value : cells[member]) distinct.insert(rows.at(value));
    values[member].assign(distinct.begin(), distinct.end());
  }
  add(name, next, values);
}

void SideBuilder::add_attributes(const AttributeTable* attributes, const FeatureOptions& options) {
  if (attributes == nullptr || !options.attributes) return;
  for (std::size_t column = 0; column < attributes->names.size(); ++column) {
    const auto& name = attributes->names[column];
    const auto& texts = attributes->values[column];
    if (texts.size() != static_cast<std::size_t>(members_)) {
      throw DataError(
          fmt::format("attribute \"{}\": {} values, expected one for each of {}", name, texts.size(), members_));
    }
    std::vector<std::vector<std::string_view>> cells;
    std::vector<std::optional<double>> numbers;
    std::set<double> distinct;
    bool numeric = true;
    for (const auto& text : texts) {
      cells.push_back(parts_of(text));
      numbers.push_back(number_of(text));
      numeric = numeric && (text.empty() || numbers.back());
      if (numbers.back()) distinct.insert(*numbers.back());
    }
    if (numeric && static_cast<std::int64_t>(distinct.size()) > options.bins) {
      add_numbers(name, numbers, options.bins);
    } else {
      add_categories(name, cells, options);
    }
  }
}

std::span<const std::int32_t> code_of(const std::vector<std::int32_t>& codes, std::int64_t slots, std::int64_t count,
                                      std::int64_t member) {
  const std::int64_t row = member >= 0 && member < count ? member : count;
  return std::span(codes).subspan(static_cast<std::size_t>(row * slots), static_cast<std::size_t>(slots));
}

}  // namespace

void FeatureOptions::declare(config::OptionVisitor& visit) {
  visit.option("rating.minimum_count", minimum_count, config::at_least(1),
               "Users or items that an attribute's value must occur with to get an embedding of its own.");
  visit.option("rating.bins", bins, config::between(2, 10000), "Quantiles that a numeric attribute is cut into.");
  visit.option("rating.multivalued", multivalued, config::one_of({"mean", "flags"}),
               "An attribute with several values, such as genres: the mean of their embeddings, or a field for each.");
  visit.option("rating.attributes", attributes, config::anything(), "Whether attributes of users and items are used.");
}

std::int64_t FeatureTable::users() const {
  return user_slots == 0 ? 0 : static_cast<std::int64_t>(user_codes.size()) / user_slots - 1;
}

std::int64_t FeatureTable::items() const {
  return item_slots == 0 ? 0 : static_cast<std::int64_t>(item_codes.size()) / item_slots - 1;
}

std::span<const std::int32_t> FeatureTable::user_code(UserIndex user) const {
  return code_of(user_codes, user_slots, users(), user);
}

std::span<const std::int32_t> FeatureTable::item_code(ItemIndex item) const {
  return code_of(item_codes, item_slots, items(), item);
}

FeatureTable build_features(const RatingTrainingData& data, const FeatureOptions& options) {
  std::vector<bool> seen_users(static_cast<std::size_t>(data.users), false);
  std::vector<bool> seen_items(static_cast<std::size_t>(data.items), false);
  for (const RatingExample& example : data.examples) {
    seen_users[static_cast<std::size_t>(example.user)] = true;
    seen_items[static_cast<std::size_t>(example.item)] = true;
  }
  FeatureTable table;
  SideBuilder users(data.users, false, table);
  table.unseen_users = users.add_members("user", seen_users);
  users.add_attributes(data.user_attributes, options);
  SideBuilder items(data.items, true, table);
  table.unseen_items = items.add_members("item", seen_items);
  items.add_attributes(data.item_attributes, options);
  users.finish(table.user_slots, table.user_codes);
  items.finish(table.item_slots, table.item_codes);
  return table;
}

}  // namespace llama4rec::recommenders
