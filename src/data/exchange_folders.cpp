#include "data/exchange_folders.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

namespace llama4rec::data {

namespace fs = std::filesystem;

void exchange_folders(const fs::path& one, const fs::path& other) {
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) return;
  const int error = errno;
  // What file systems without an exchange (NFS and others) and old kernels answer.
  if (error != EINVAL && error != ENOSYS && error != EOPNOTSUPP) {
    throw fs::filesystem_error("cannot exchange folders", one, other, std::error_code(error, std::generic_category()));
  }
  exchange_folders_by_renaming(one, other);
}

void exchange_folders_by_renaming(const fs::path& one, const fs::path& other) {
  const fs::path aside = other.string() + ".old-" + std::to_string(getpid());
  fs::rename(other, aside);
  std::error_code error;
  fs::rename(one, other, error);
  if (error) {
    std::error_code ignored;
    fs::rename(aside, other, ignored);
    throw fs::filesystem_error("cannot exchange folders", one, other, error);
  }
  fs::rename(aside, one);
}

}  // namespace llama4rec::data
