// Readers of GroupLens's original MovieLens folders.
#pragma once

#include <filesystem>

#include "data/source_data.h"

namespace llama4rec::data {

/// MovieLens 100K: u.data, u.item, u.user, u.genre; latin-1 (files that someone turned into UTF-8 are recognised and noted).
/// Where u.info is there, the counts that it states must hold. User attributes: age, gender, occupation, zip_code; item
/// attributes: genres, year (of the release date, else of the title). DataError with the place for anything else.
SourceData read_movielens_100k(const std::filesystem::path& folder);

/// MovieLens 1M: ratings.dat, movies.dat, users.dat, separated by "::"; latin-1 as above. Age groups and occupations
/// are turned into the names that its README gives. User attributes: age, gender, occupation, zip_code; item
/// attributes: genres, year (of the title).
SourceData read_movielens_1m(const std::filesystem::path& folder);

}  // namespace llama4rec::data
