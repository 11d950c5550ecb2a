// Replacing a folder so that there is one at every moment.
#pragma once

#include <filesystem>

namespace llama4rec::data {

/// Each of two folders of one file system comes to lie where the other one was. In one step where the file system can do that,
/// else by renaming. Throws std::filesystem::filesystem_error and leaves both where they were.
void exchange_folders(const std::filesystem::path& one, const std::filesystem::path& other);

/// The way by renaming: `other` is missing for a moment.
void exchange_folders_by_renaming(const std::filesystem::path& one, const std::filesystem::path& other);

}  // namespace llama4rec::data
