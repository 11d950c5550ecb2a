// A synthetic movie data set: what tests, demonstrations and a first run use where no real data set is at hand.
#pragma once

#include <cstdint>

#include "data/source_data.h"

namespace llama4rec::data {

struct SampleOptions {
  std::int64_t users = 600;
  std::int64_t items = 400;
  std::int64_t interactions = 30000;
  std::uint64_t seed = 1;
};

/// Invented movies, people and ratings, with a signal of three kinds: who likes what (a user's favourite genres and directors,
/// partly from age and occupation), the text (genre words in titles, series "Title", "Title II", directors' names), and the
/// order (series in order, sessions of one genre). Both users and items have a long tail; a handful of users have fewer
/// than 3 interactions, and some titles are awkward on purpose: a pair of equal ones, one with "; ", one that is the
/// beginning of another, a non-ASCII one.
///
/// The same options give the same data on every machine: all arithmetic is on integers. UsageError for sizes that cannot
/// be met.
SourceData make_sample(const SampleOptions& options);

}  // namespace llama4rec::data
