// What a checkpoint folder holds, told without making the model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace llama4rec::llm {

struct CheckpointDescription {
  std::string name;             ///< the folder's
  std::int64_t parameters = 0;  ///< adapters are merged into their base and do not count
  std::int64_t context = 0;     ///< most tokens of prompt and answer
  /// Of the contents of what loading reads (shape, end tokens, tokeniser, every byte of the weights), wherever the folder lies. Not the
  /// fingerprint of a loaded model, which holds for its arithmetic too.
  std::string fingerprint;
};

/// The folder's name, however its path is written.
std::string checkpoint_name(const std::filesystem::path& folder);

/// Reads the whole checkpoint once (adapters: with their base): as long as the disk takes. DataError as for loading where config.json, the tokeniser or the list of the weights' files
/// is wrong.
CheckpointDescription describe_checkpoint(const std::filesystem::path& folder);

}  // namespace llama4rec::llm
