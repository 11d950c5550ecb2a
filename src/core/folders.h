// Folders that programs work in.
#pragma once

#include <filesystem>

namespace llama4rec {

/// Makes the folder and those above it where they are missing; InternalError that names it.
void make_folder(const std::filesystem::path& folder);

/// Removes the temporary files that killed processes left in the folder and below (core/atomic_file.h). Nobody else may write there. What
/// cannot be removed stays.
void remove_temporary_files(const std::filesystem::path& folder);

}  // namespace llama4rec
