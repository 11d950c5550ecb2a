#include "core/folder_lock.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <llama4rec/error.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/folders.h"

namespace llama4rec {

FolderLock::FolderLock(const std::filesystem::path& folder) {
  make_folder(folder);
  const auto file = folder / ".lock";
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw InternalError(fmt::format("cannot write to the folder {}: {}", folder.string(), std::strerror(errno)));
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    throw UsageError(
        fmt::format("another llama4rec works in {}; wait for it, or choose another run.directory", folder.string()));
  }
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace llama4rec
