#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <llama4rec/error.h>

namespace llama4rec {
namespace {

constexpr std::size_t kBufferSize = std::size_t{1} << 16U;

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what, int error) {
  throw InternalError(file.string() + ": " + what + ": " + std::strerror(error));
}

// A link is written through: the file that it leads to is replaced, not the link.
std::filesystem::path resolve_link(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::is_symlink(file, ignored)) return file;
  auto resolved = std::filesystem::weakly_canonical(file, ignored);
  return ignored ? file : resolved;
}

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

void write_all(int descriptor, std::string_view bytes, const std::filesystem::path& file) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(file, "cannot be written", errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void sync(int descriptor, const std::filesystem::path& file) {
  // EINVAL, EROFS: what the descriptor stands for has no notion of syncing.
  if (::fsync(descriptor) != 0 && errno != EINVAL && errno != EROFS) fail(file, "cannot be synced to disk", errno);
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // a folder that may be written but not listed
  const int failed = ::fsync(descriptor) != 0 && errno != EINVAL && errno != EROFS ? errno : 0;
  ::close(descriptor);
  if (failed != 0) fail(folder, "cannot be synced to disk", failed);
}

}  // namespace

void write_file_atomically(const std::filesystem::path& file, std::string_view bytes) {
  AtomicFile output(file);
  output.write(bytes);
  output.commit();
}

AtomicFile::AtomicFile(const std::filesystem::path& file) : target_(resolve_link(file)) {
  struct stat old {};
  const bool exists = ::stat(target_.c_str(), &old) == 0;
  if (exists && S_ISDIR(old.st_mode)) throw InternalError(target_.string() + ": is a folder, expected a file to write");
  if (exists && !S_ISREG(old.st_mode)) {  // a pipe or a device such as /dev/stdout cannot be replaced
    descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail(target_, "cannot be opened for writing", errno);
    return;
  }
  const auto folder = folder_of(target_);
  const std::string stem = "." + target_.filename().string() + "." + std::to_string(::getpid()) + "-";
  for (int attempt = 0; descriptor_ < 0; ++attempt) {
    temporary_ = folder / (stem + std::to_string(attempt) + ".tmp");
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0 || errno == EEXIST) continue;
    const int error = errno;
    temporary_.clear();
    std::error_code ignored;
    if (error == ENOENT && !std::filesystem::exists(folder, ignored)) {
      throw InternalError(target_.string() + ": cannot be written: the folder " + folder.string() + " does not exist");
    }
    fail(target_, "cannot be written", error);
  }
  // The mode of the file that is replaced; a file system without modes may refuse.
  if (exists) [[maybe_unused]]
    const int changed = ::fchmod(descriptor_, old.st_mode & 07777U);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  if (descriptor_ < 0) throw InternalError(target_.string() + ": written after it was committed");
  if (buffer_.size() + bytes.size() < kBufferSize) {
    buffer_ += bytes;
    return;
  }
  write_all(descriptor_, std::exchange(buffer_, {}), target_);
  write_all(descriptor_, bytes, target_);
}

void AtomicFile::commit() {
  if (descriptor_ < 0) throw InternalError(target_.string() + ": committed twice");
  write_all(descriptor_, std::exchange(buffer_, {}), target_);
  sync(descriptor_, target_);
  // Some file systems report a full disk only here.
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(target_, "cannot be written", errno);
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail(target_, "cannot be replaced", errno);
  temporary_.clear();
  sync_folder(folder_of(target_));
}

std::string read_file(const std::filesystem::path& file) {
  const auto refuse = [&](const std::string& why) -> void { throw DataError({.file = file.string()}, why); };
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) refuse(std::string("cannot be opened: ") + std::strerror(errno));
  std::string content;
  struct stat status {};
  // The size is a hint: a pipe has none, and a file may grow while it is read.
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) {
    content.reserve(static_cast<std::size_t>(status.st_size) + 1);
  }
  std::string block(kBufferSize, '\0');
  ssize_t count = 0;
  while ((count = ::read(descriptor, block.data(), block.size())) != 0) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    content.append(block.data(), static_cast<std::size_t>(count));
  }
  const int error = count < 0 ? errno : 0;
  ::close(descriptor);
  if (error != 0) refuse(std::string("cannot be read: ") + std::strerror(error));
  return content;
}

}  // namespace llama4rec
