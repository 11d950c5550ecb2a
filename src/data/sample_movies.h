// The invented movies of the synthetic data set.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/random.h"

namespace llama4rec::data {

inline constexpr std::size_t kSampleGenres = 12;
inline constexpr std::size_t kDirectorsPerGenre = 4;

/// One invented movie.
struct SampleMovie {
  std::string title;
  std::size_t genre = 0;         ///< main genre
  std::size_t second_genre = 0;  ///< equal to `genre` where there is only one
  std::size_t director = 0;
  int year = 0;
  int quality = 0;                ///< added to ratings, in tenths
  std::uint64_t popularity = 1;   ///< weight, with a long tail
  std::int64_t predecessor = -1;  ///< the part before in a series, or -1
  std::int64_t successor = -1;    ///< the part after it, or -1
};

const char* sample_genre_name(std::size_t genre);
/// Director `d` makes mostly movies of genre `d / kDirectorsPerGenre`.
std::vector<std::string> make_sample_directors(RandomStream& random);
/// About a third of the movies belong to series of 2 to 4 parts that follow each other.
std::vector<SampleMovie> make_sample_movies(std::size_t count, RandomStream& random);

}  // namespace llama4rec::data
