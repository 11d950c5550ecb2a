// A regular expression that cuts text into words before byte-pair encoding, on PCRE2.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace llama4rec::llm {

/// The pattern of a pre-tokeniser, read as tokenizer.json means it: Unicode classes, ^ and $ at every line.
class SplitPattern {
 public:
  /// DataError naming `origin` where the pattern is none that PCRE2 understands.
  SplitPattern(const std::string& pattern, std::string origin);
  ~SplitPattern();
  SplitPattern(SplitPattern&&) noexcept;
  SplitPattern& operator=(SplitPattern&&) noexcept;
  SplitPattern(const SplitPattern&) = delete;
  SplitPattern& operator=(const SplitPattern&) = delete;

  /// Appends the matches, and what stands between them, in their order; together they are `text`, which is well-formed UTF-8. Steps and
  /// memory of a match are limited, so that a hostile pattern ends in a DataError.
  void split(std::string_view text, std::vector<std::string_view>& parts) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
  std::string origin_;
};

}  // namespace llama4rec::llm
