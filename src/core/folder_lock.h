// One process at a time in a folder.
#pragma once

#include <filesystem>

namespace llama4rec {

/// Holds `folder`/.lock while it lives; the system lets go of it when the process ends, however it ends. UsageError when another process
/// holds it.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  FolderLock(FolderLock&&) = delete;
  FolderLock& operator=(FolderLock&&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace llama4rec
