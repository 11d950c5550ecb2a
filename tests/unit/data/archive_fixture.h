// Archives as a test wants them, also such as no honest program writes.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <string>
#include <vector>

namespace llama4rec::data {

struct ArchiveItem {
  std::string path;
  std::string text;
  std::string symbolic_link;  ///< makes it a link
};

enum class ArchiveKind { kZip, kStoredZip, kTar };

inline void write_archive(const std::filesystem::path& file, const std::vector<ArchiveItem>& items,
                          ArchiveKind kind = ArchiveKind::kZip) {
  archive* out = archive_write_new();
  if (kind == ArchiveKind::kTar) {
    archive_write_set_format_pax_restricted(out);
  } else {
    archive_write_set_format_zip(out);
    if (kind == ArchiveKind::kStoredZip) archive_write_zip_set_compression_store(out);
  }
  archive_write_open_filename(out, file.c_str());
  for (const auto& item : items) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, item.path.c_str());
    archive_entry_set_perm(entry, 0644);
    if (!item.symbolic_link.empty()) {
      archive_entry_set_filetype(entry, AE_IFLNK);
      archive_entry_set_symlink(entry, item.symbolic_link.c_str());
    } else {
      archive_entry_set_filetype(entry, item.path.ends_with('/') ? AE_IFDIR : AE_IFREG);
      archive_entry_set_size(entry, static_cast<la_int64_t>(item.text.size()));
    }
    archive_write_header(out, entry);
    if (!item.text.empty()) archive_write_data(out, item.text.data(), item.text.size());
    archive_entry_free(entry);
  }
  archive_write_close(out);
  archive_write_free(out);
}

}  // namespace llama4rec::data
