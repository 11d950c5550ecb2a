#include "data/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <set>
#include <string>

#include <llama4rec/error.h>

#include "core/text.h"
#include "data/source_text.h"

namespace llama4rec::data {
namespace {

namespace fs = std::filesystem;

struct ArchiveDeleter {
  void operator()(::archive* handle) const { archive_read_free(handle); }
};

/// The entry's path below the folder; DataError for anything that could lead out of it.
fs::path safe_path(const fs::path& archive, const char* name) {
  const auto fail = [&](const std::string& why) {
    throw DataError({.file = archive.string()},
                    "entry \"" + excerpt(name == nullptr ? "" : name) + "\" " + why + "; nothing was unpacked");
  };
  if (name == nullptr || *name == '\0') fail("has no readable name");
  const fs::path path(name);
  if (path.is_absolute() || std::string_view(name).find('\\') != std::string_view::npos)
    fail("has an absolute path or a backslash");
  fs::path safe;
  for (const auto& part : path) {
    if (part == "..") fail("leads out of its folder");
    if (!part.empty() && part != ".") safe /= part;
  }
  return safe;
}

class Unpacker {
 public:
  Unpacker(const fs::path& archive, const fs::path& folder, const UnpackLimits& limits)
      : archive_(archive), folder_(folder), limits_(limits), handle_(archive_read_new()) {
    if (!handle_) throw InternalError("libarchive does not start");
    archive_read_support_format_zip(handle_.get());
    archive_read_support_format_tar(handle_.get());
    archive_read_support_filter_gzip(handle_.get());
    archive_read_support_filter_bzip2(handle_.get());
    archive_read_support_filter_xz(handle_.get());
    constexpr std::size_t kBlock = 1U << 16U;
    if (archive_read_open_filename(handle_.get(), archive.c_str(), kBlock) != ARCHIVE_OK) fail_damaged();
  }

  void run() {
    archive_entry* entry = nullptr;
    while (true) {
      const int status = archive_read_next_header(handle_.get(), &entry);
      if (status == ARCHIVE_EOF) break;
      if (status != ARCHIVE_OK && status != ARCHIVE_WARN) fail_damaged();
      if (++entries_ > limits_.entries) fail("holds more than " + text::with_thousands(limits_.entries) + " entries");
      unpack_entry(entry);
    }
    if (entries_ == 0) fail("holds nothing");
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw DataError({.file = archive_.string()}, "the archive " + why + "; nothing was unpacked");
  }
  [[noreturn]] void fail_damaged() const {
    const char* words = archive_error_string(handle_.get());
    const std::string reason(text::trim(words == nullptr ? "unknown" : words));  // some of them end a line
    fail("is damaged or no zip or tar file (" + reason + ")");
  }

  void unpack_entry(archive_entry* entry) {
    const auto path = safe_path(archive_, archive_entry_pathname(entry));
    const auto type = archive_entry_filetype(entry);
    const bool link = archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr;
    if (link || (type != AE_IFREG && type != AE_IFDIR)) {
      fail("holds \"" + excerpt(path.string()) + "\", which is neither a file nor a folder");
    }
    if (type == AE_IFDIR) {
      make_folder(folder_ / path, path);
      return;
    }
    if (path.empty() || !seen_.insert(path).second) fail("holds \"" + excerpt(path.string()) + "\" twice");
    make_folder((folder_ / path).parent_path(), path);
    write_file(folder_ / path, path);
  }

  /// A name that is too long, or a file where a folder should be, is the archive's fault.
  void make_folder(const fs::path& folder, const fs::path& entry) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error == std::errc::no_space_on_device)
      throw InternalError("cannot create " + folder.string() + " (disk full?)");
    if (error || !fs::is_directory(folder)) fail_entry(entry);
  }
  [[noreturn]] void fail_entry(const fs::path& entry) const {
    fail("holds \"" + excerpt(entry.string()) + "\", which cannot be created beside its other entries");
  }

  void write_file(const fs::path& file, const fs::path& entry) {
    std::ofstream out(file, std::ios::binary);
    if (!out) fail_entry(entry);
    while (true) {
      const void* block = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int status = archive_read_data_block(handle_.get(), &block, &size, &offset);
      if (status == ARCHIVE_EOF) break;
      // A warning too: libarchive warns of a wrong checksum or size only.
      if (status != ARCHIVE_OK) fail_damaged();
      // A block may stand behind a hole, which counts too.
      const auto end = offset + static_cast<la_int64_t>(size);
      if (offset < 0 || end < offset || bytes_ + end > limits_.total_bytes) {
        fail("unpacks to more than " + text::with_thousands(limits_.total_bytes) + " bytes");
      }
      out.seekp(offset);
      out.write(static_cast<const char*>(block), static_cast<std::streamsize>(size));
      if (!out) throw InternalError("cannot write " + file.string() + " (disk full?)");
    }
    const auto written = static_cast<std::int64_t>(out.tellp());
    out.close();
    if (!out) throw InternalError("cannot write " + file.string() + " (disk full?)");
    bytes_ += written;
  }

  fs::path archive_;
  fs::path folder_;
  UnpackLimits limits_;
  std::unique_ptr<::archive, ArchiveDeleter> handle_;
  std::set<fs::path> seen_;
  std::int64_t entries_ = 0;
  std::int64_t bytes_ = 0;
};

}  // namespace

void unpack(const fs::path& archive, const fs::path& folder, const UnpackLimits& limits) {
  const fs::path temporary = folder.string() + ".tmp-" + std::to_string(getpid());
  try {
    if (fs::exists(folder)) throw UsageError(folder.string() + " exists already, expected a new folder");
    fs::remove_all(temporary);
    fs::create_directories(temporary);
    Unpacker(archive, temporary, limits).run();
    fs::rename(temporary, folder);
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw InternalError("cannot unpack to " + folder.string() + ": " + error.code().message());
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
}

}  // namespace llama4rec::data
