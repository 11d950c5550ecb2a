// What the tests of the language model share: a folder that goes away, small tokenisers and models.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llm/embedded_llm.h"
#include "llm/tokenizer.h"
#include "llm/transformer.h"

namespace llama4rec::llm::testing {

/// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  TemporaryFolder(TemporaryFolder&&) = delete;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Titles that the small tokeniser knows as single tokens, and some awkward ones.
const std::vector<std::string>& titles();

/// Trained on `titles()` once per process.
const Tokenizer& small_tokenizer();
/// The same as a file in `folder`.
std::filesystem::path small_tokenizer_file(const TemporaryFolder& folder);

/// A tiny model's options.
ModelOptions tiny_options();
/// A configuration for Transformer alone. Weights drawn wider than by default, so that differences show.
ModelConfig tiny_config(std::int64_t vocabulary, std::int64_t heads, std::int64_t key_value_heads, bool tied);
/// Redraws all weights from N(0, deviation), norms around 1.
void widen_weights(Transformer& model, double deviation, std::uint64_t seed);

}  // namespace llama4rec::llm::testing
