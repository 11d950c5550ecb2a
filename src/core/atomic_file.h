// Files appear whole or not at all: written to a temporary name beside the target, synced, renamed.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace llama4rec {

/// Replaces `file` by `bytes`. InternalError (disk full, no permission) leaves the old file as it was and removes the
/// temporary one. A link is written through; a pipe or a device (/dev/stdout) is written to as it is.
void write_file_atomically(const std::filesystem::path& file, std::string_view bytes);

/// A file that is written piece by piece and appears at `commit`; destroyed before that, it leaves nothing behind.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& file);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  AtomicFile(AtomicFile&&) = delete;
  AtomicFile& operator=(AtomicFile&&) = delete;

  void write(std::string_view bytes);
  /// Syncs, renames, syncs the folder.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  std::string buffer_;
  int descriptor_ = -1;
};

/// The whole of a file; DataError when it cannot be read.
std::string read_file(const std::filesystem::path& file);

}  // namespace llama4rec
