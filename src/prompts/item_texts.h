// What items and ratings are called in prompts and answers.
#pragma once

#include <string>
#include <vector>

#include <llama4rec/dataset.h>

namespace llama4rec::prompts {

/// A distinct, non-empty text per item, so that an answer names exactly one. A title becomes one line of valid UTF-8, cut at
/// `kLongestTitle` bytes; a title that several items share gets " (2)", " (3)", ... in the order of the items; an item without a title
/// is called "untitled NOUN ID".
class ItemTexts {
 public:
  static constexpr std::size_t kLongestTitle = 160;

  explicit ItemTexts(const Dataset& dataset);

  [[nodiscard]] const std::string& title(ItemIndex item) const { return titles_[static_cast<std::size_t>(item)]; }
  [[nodiscard]] std::vector<std::string> titles(const std::vector<ItemIndex>& items) const;
  /// The texts of the scale's ratings, ascending: "1", "2", ... or "0.5", "1", ...
  [[nodiscard]] const std::vector<std::string>& ratings() const { return ratings_; }
  /// The value behind `ratings()[index]`.
  [[nodiscard]] double rating_value(std::size_t index) const;
  /// The scale's text nearest to a rating.
  [[nodiscard]] const std::string& rating(double value) const;
  [[nodiscard]] const std::string& noun() const { return noun_; }
  /// Items whose title had to be changed: repeated, empty, cut or with ill-formed bytes.
  [[nodiscard]] std::int64_t changed() const { return changed_; }

 private:
  std::vector<std::string> titles_;
  std::vector<std::string> ratings_;
  std::string noun_;
  double rating_minimum_ = 1;
  double rating_step_ = 1;
  std::int64_t changed_ = 0;
};

}  // namespace llama4rec::prompts
