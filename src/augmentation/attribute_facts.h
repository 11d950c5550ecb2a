// Known facts about items or users from the user's own table, and how far answers agree with them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>

#include "augmentation/attribute_options.h"

namespace llama4rec::augmentation {

/// A table of facts; cells in the order of the data set's items or users, empty where nothing is known.
struct AttributeFacts {
  bool of_users = false;
  std::map<std::string, std::vector<std::string>> cells;  ///< by attribute; as they stand in the file
  std::int64_t unknown_ids = 0;                           ///< rows about nobody in the data set
};

/// Reads a CSV file: "item_id" or "user_id", then one column per attribute. DataError with file, line and column for another header, a column twice, a
/// row of another length, an id twice.
AttributeFacts read_facts(const std::filesystem::path& file, const Dataset& dataset);

/// An answer that is not what the fact says.
struct Disagreement {
  std::string id;
  std::string title;
  std::string attribute;
  std::string answer;
  std::string fact;
  std::string verdict;  ///< a person's: "agree", "unknown", "wrong"; empty or kUndecided: none yet
};

/// What stands in the verdict's place where a judge could not tell.
inline constexpr const char* kUndecided = "undecided";

/// Counts over the compared.
struct Agreement {
  std::int64_t agree = 0;
  std::int64_t unknown = 0;  ///< no answer where there is a fact
  std::int64_t wrong = 0;
  std::int64_t undecided = 0;               ///< a judge could not tell
  std::vector<Disagreement> disagreements;  ///< the wrong and the undecided
  [[nodiscard]] std::int64_t compared() const { return agree + unknown + wrong + undecided; }
};

/// Compares cells ("a|b") with facts that were read the same way; only where there is a fact. They agree where they share a value, ASCII letters
/// alike.
Agreement compare_with_facts(const Dataset& dataset, bool of_users, const std::string& attribute,
                             const std::vector<std::string>& cells, const std::vector<std::string>& facts);

/// "id,title,attribute,answer,fact,verdict", for a person's verdict.
std::string disagreements_csv(const std::vector<Disagreement>& disagreements);
/// Reads such a file back. DataError with line and column for anything else.
std::vector<Disagreement> read_disagreements(const std::filesystem::path& file);
/// The counts after a person's verdicts: a disagreement that got one is counted as it says.
Agreement with_verdicts(Agreement agreement, const std::vector<Disagreement>& judged);

}  // namespace llama4rec::augmentation
