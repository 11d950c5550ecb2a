#include "core/folders.h"

#include <system_error>
#include <vector>

#include <llama4rec/error.h>

namespace llama4rec {

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw InternalError("cannot create the folder " + folder.string() + ": " + error.message());
}

void remove_temporary_files(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> left;
  for (std::filesystem::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with('.') && name.ends_with(".tmp") && it->is_regular_file(error)) left.push_back(it->path());
  }
  for (const auto& file : left) std::filesystem::remove(file, error);
}

}  // namespace llama4rec
