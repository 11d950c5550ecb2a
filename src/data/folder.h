// Our own folder format: what imported and synthetic data sets are stored in (docs/data.md).
#pragma once

#include <filesystem>

#include "data/source_data.h"
#include "data/source_text.h"

namespace llama4rec::data {

/// What to do where the target folder is there already.
enum class Overwrite { kNo, kYes };

/// Writes dataset.json, users.tsv, items.tsv and interactions.tsv; the folder appears whole or not at all. UsageError where
/// `target` exists and may not be replaced (a folder that holds no data set of ours is never replaced).
void write_folder(const SourceData& source, const std::filesystem::path& target, Overwrite overwrite);

/// Reads what `write_folder` wrote. DataError with file, line and column for anything else, also where rows are missing.
SourceData read_folder(const std::filesystem::path& folder);

/// Whether a folder holds a data set in our format.
bool is_dataset_folder(const std::filesystem::path& folder);

/// A cell of our tables: tab, line feed, carriage return and backslash as \t, \n, \r and two backslashes.
std::string escape_cell(std::string_view text);
/// The inverse; DataError at the place of a backslash with anything else behind it.
std::string unescape_cell(const Row& row, std::string_view cell);

}  // namespace llama4rec::data
