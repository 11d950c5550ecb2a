// LAYERS: core data
// Any bytes as an archive: either they are refused by a DataError in one line and nothing is left behind, or the folder is there,
// within the limits, and nothing was written outside of it.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include <llama4rec/error.h>

#include "data/archive.h"
#include "fuzz_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace fs = std::filesystem;
  static const llama4rec::fuzz::FuzzFolder folder;
  constexpr llama4rec::data::UnpackLimits kLimits{.entries = 20, .total_bytes = 1 << 20};
  const auto archive = folder.write("archive", {reinterpret_cast<const char*>(data), size});
  const auto target = folder.path() / "unpacked";
  std::int64_t bytes = 0;
  std::int64_t entries = 0;
  try {
    llama4rec::data::unpack(archive, target, kLimits);
    for (const auto& entry : fs::recursive_directory_iterator(target)) {
      if (entry.is_symlink() || (!entry.is_regular_file() && !entry.is_directory())) std::abort();
      if (entry.is_regular_file()) bytes += static_cast<std::int64_t>(entry.file_size());
      if (entry.is_regular_file()) ++entries;
    }
    if (bytes > kLimits.total_bytes || entries > kLimits.entries) std::abort();
    fs::remove_all(target);
  } catch (const llama4rec::DataError& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
  for (const auto& left : fs::directory_iterator(folder.path())) {
    if (left.path() != archive) std::abort();
  }
  return 0;
}
