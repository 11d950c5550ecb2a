// Import of CSV and TSV files with named columns, and of RecBole's atomic files.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/source_data.h"

namespace llama4rec::data {

/// The rating scale, where the user states it.
struct RatingScale {
  float minimum = 1;
  float maximum = 5;
  float step = 1;
};

/// "1:5" or "0.5:5:0.5"; UsageError for anything else.
RatingScale parse_rating_scale(const std::string& text);

/// What to import. Columns are found by the header's names; a column that is set and missing is a DataError.
struct ImportOptions {
  /// One file of interactions, or the explicit parts.
  std::filesystem::path interactions;
  std::filesystem::path train;
  std::filesystem::path validation;
  std::filesystem::path test;
  std::string user_column = "user_id";
  std::string item_column = "item_id";
  std::optional<std::string> rating_column;  ///< unset: "rating" if there is one, else every rating is 1 and positive
  std::optional<std::string> timestamp_column;  ///< unset: "timestamp" if there is one, else none
  std::filesystem::path items;                  ///< may be empty; columns other than id and title become attributes
  std::string item_id_column = "item_id";
  std::optional<std::string> title_column;  ///< unset: "title", else the first that ends in "title", else "name"
  std::filesystem::path users;              ///< may be empty; columns other than the id become attributes
  std::string user_id_column = "user_id";

  std::string separator;       ///< empty: tab for .tsv and RecBole's files, else a comma; "\t" and "tab" mean a tab
  bool quotes = true;          ///< RFC 4180
  bool latin1 = false;         ///< else UTF-8 is required
  bool typed_headers = false;  ///< headers like "user_id:token"; token_seq cells become lists ('|'), but not titles

  std::string name = "imported";
  std::string item_noun = "item";
  std::optional<RatingScale> scale;          ///< unset: from the ratings that occur
  std::optional<double> positive_threshold;  ///< unset: three quarters up the scale, rounded up to a step
};

/// Reads the tables. Items and users of the interactions that are not in their files stay, without a title or attributes,
/// and are counted in the notices. DataError with file, line and column for anything malformed; UsageError for a positive
/// threshold that is no number from 0 to the highest rating.
SourceData import_tables(const ImportOptions& options);

/// Completes options for RecBole's atomic files: `path` is a folder or a .inter file; NAME.item and NAME.user are taken where
/// they are there. NAME.train.inter, NAME.valid.inter and NAME.test.inter are explicit parts of a folder, or where `path` is one
/// of them. DataError for a folder without a .inter file or with those of several data sets.
ImportOptions recbole_options(const std::filesystem::path& path, ImportOptions options);

/// Whether a path can only be RecBole's: a .inter file or a folder.
bool is_recbole(const std::filesystem::path& path);

}  // namespace llama4rec::data
