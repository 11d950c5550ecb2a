// Unpacking of downloaded archives that nobody vouches for.
#pragma once

#include <cstdint>
#include <filesystem>

namespace llama4rec::data {

/// What an archive may hold at most.
struct UnpackLimits {
  std::int64_t entries = 1000;
  std::int64_t total_bytes = std::int64_t{2}
                             << 30U;  ///< unpacked, counted while unpacking: sizes stated in it are not trusted
};

/// Unpacks a zip or tar archive into a folder that appears whole or not at all and must not exist yet. DataError for an entry
/// that is no file or folder (links, devices), has an absolute path or one with "..", occurs twice, or breaks a limit,
/// and for a damaged archive; nothing is left behind then.
void unpack(const std::filesystem::path& archive, const std::filesystem::path& folder, const UnpackLimits& limits = {});

}  // namespace llama4rec::data
