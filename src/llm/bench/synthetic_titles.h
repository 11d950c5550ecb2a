// Invented titles, a tokeniser that knows their words, and the two jobs of a recommender's language model over them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <llama4rec/language_model.h>

#include "core/random.h"

namespace llama4rec::llm {

/// The same 1,000 titles everywhere, of two to five words and a year.
class SyntheticTitles {
 public:
  SyntheticTitles();

  [[nodiscard]] const std::string& draw(RandomStream& random) const { return titles_[random.below(titles_.size())]; }
  /// Writes a tokenizer.model of exactly `vocabulary` tokens that knows parts of words, not titles (some 15 tokens a title). Pieces that no text has
  /// fill it up, so that a model made over it has the shape that was asked for.
  void write_tokenizer(std::int64_t vocabulary, const std::filesystem::path& file) const;

 private:
  std::vector<std::string> titles_;
};

/// Rank 10 candidates behind a history of 30 titles, listwise, for each user.
std::vector<CompletionRequest> ranking_job(const SyntheticTitles& titles, std::int64_t users);
/// Rate 10 candidates behind a history of 30 titles, pointwise, for each user.
std::vector<CompletionRequest> rating_job(const SyntheticTitles& titles, std::int64_t users);

}  // namespace llama4rec::llm
