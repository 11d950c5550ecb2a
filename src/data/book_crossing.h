// Reader of the Book-Crossing dump (Ziegler and others, 2005).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/source_data.h"
#include "data/source_text.h"

namespace llama4rec::data {

/// BX-Book-Ratings.csv, BX-Books.csv, BX-Users.csv: ';' separated, '"' quoted with backslash escapes, latin-1. Columns are
/// found by the header's names, so that files with and without the image columns work.
///
/// The dump is known to be damaged in places. A row is malformed where its fields are not as many as the header's, a
/// quote is not closed on its line, text follows a closing quote, or the rating is no whole number from 0 to 10: it is left out
/// and counted in the notices. Ratings of 0 (implicit feedback) and ratings whose ISBN, compared as the exact string, is not in
/// BX-Books.csv are left out and counted. An id that occurs again in the books or users is counted; its first row stands.
/// Users that are not in BX-Users.csv stay, without attributes.
///
/// User attributes: location, age; item attributes: author, year (0 = unknown), publisher. No timestamps. Default 5-core.
SourceData read_book_crossing(const std::filesystem::path& folder);

/// Why a Book-Crossing row is malformed.
enum class BookCrossingRow { kGood, kOpenQuote, kTextAfterQuote };

/// Splits one row; fields are unescaped, an unquoted NULL is empty. `fields` is reused: its strings keep their memory.
BookCrossingRow split_book_crossing_row(std::string_view line, std::vector<std::string>& fields, std::size_t& count);

}  // namespace llama4rec::data
