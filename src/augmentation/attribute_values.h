// Answers about attributes made into values: cleaned, split, binned, spelled alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "augmentation/attribute_options.h"

namespace llama4rec::augmentation {

/// What became of an attribute's answers.
struct AttributeAccount {
  std::int64_t asked = 0;
  std::int64_t answered = 0;    ///< with a value
  std::int64_t unknown = 0;     ///< said to be unknown, or nothing
  std::int64_t unreadable = 0;  ///< too long, or no number where one was asked; unknown as well
  std::int64_t known = 0;       ///< not asked: a fact stands there
  std::int64_t respelled = 0;   ///< cells in which a value took another spelling
  std::int64_t distinct = 0;    ///< different values in the end
};

/// The values of one answer or fact, none for unknown. Only the first line counts; blanks, quotes and full stops at its ends go.
/// - free: split at ';', ',', '/', '&', '|' and " and "; equal ones (ASCII letters alike) once; one of more than 60 bytes is unreadable;
/// - closed: the declared value that it equals, ASCII letters alike;
/// - number: the name of the bin of the first number in it, as 320 in "about 320 pages".
/// The attribute's own name and a colon before it are passed over; an answer that holds `title` (empty: none) repeats the question and is
/// unreadable.
struct ReadAnswer {
  std::vector<std::string> values;
  bool unreadable = false;
};
ReadAnswer read_answer(const AttributeDeclaration& declaration, std::string_view answer, std::string_view title = {});

/// The name of a number's bin: "below 100", "100-200", ..., "500 or more".
std::string bin_name(const std::vector<double>& edges, double number);

/// Spelling variants take the most frequent spelling of theirs (of equally frequent ones the first in the alphabet): values that are equal but for
/// ASCII capitals, or, without digits, of 5 bytes and more with one edit between them, of 10 and more with two. Returns the number of cells
/// changed.
std::int64_t spell_alike(std::vector<std::vector<std::string>>& cells);

/// A cell of an AttributeTable: values joined by '|', empty for none.
std::string cell_text(const std::vector<std::string>& values);

}  // namespace llama4rec::augmentation
