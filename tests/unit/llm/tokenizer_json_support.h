// A small tokenizer.json, and where real ones lie.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace llama4rec::llm::testing {

/// Byte-level BPE as LLaMA-3 ships it, with a vocabulary that can be followed by hand: the 256 bytes in the order of GPT-2's alphabet
/// (tokens 0-255: "!" is 0, "a" is 64, the blank is 220), then one piece for each merge, then `<|begin|>`, `<|end|>`, `<|eot|>` (special)
/// and `<note>` (not special).
nlohmann::json byte_level_json(const std::vector<std::pair<std::string, std::string>>& merges);
/// The merges of most tests: "Ġ t", "Ġt h", "Ġth e" (tokens 256-258), "i n", "in g" (259, 260), "s t" (261).
const std::vector<std::pair<std::string, std::string>>& few_merges();

/// BPE over characters as LLaMA-2 ships it: <unk>, <s>, </s>, 256 bytes from token 3 on, then U+2581 (259), a (260), b (261), c (262),
/// "ab" (263), "U+2581 ab" (264).
nlohmann::json metaspace_json();

/// A file of a published tokeniser: $LLAMA4REC_TOKENIZERS/NAME, else ../shared/tokenizers/NAME beside the repository.
std::optional<std::filesystem::path> published_tokenizer(const std::string& name);

}  // namespace llama4rec::llm::testing
