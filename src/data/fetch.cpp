#include "data/fetch.h"

#include <unistd.h>
#include <algorithm>

#include <llama4rec/error.h>

#include "core/text.h"

namespace llama4rec::data {
namespace {

namespace fs = std::filesystem;

const char* const kMovielensTerms =
    "MovieLens data are for research; they may not be redistributed or used commercially without permission (see "
    "README)";

/// The folder inside of an unpacked archive that holds the file: the root or its only folder.
fs::path content_root(const fs::path& unpacked, const CatalogueEntry& entry) {
  if (fs::is_regular_file(unpacked / entry.file)) return unpacked;
  for (const auto& inner : fs::directory_iterator(unpacked)) {
    if (fs::is_regular_file(inner.path() / entry.file)) return inner.path();
  }
  throw DataError("the archive of " + entry.name + " holds no " + entry.file + ", expected the original files");
}

/// What lies beside the data set while it is unpacked, and goes however that ends.
class Leftovers {
 public:
  explicit Leftovers(std::vector<fs::path> paths) : paths_(std::move(paths)) {}
  ~Leftovers() {
    std::error_code ignored;
    for (const auto& path : paths_) fs::remove_all(path, ignored);
  }
  Leftovers(const Leftovers&) = delete;
  Leftovers& operator=(const Leftovers&) = delete;
  Leftovers(Leftovers&&) = delete;
  Leftovers& operator=(Leftovers&&) = delete;

 private:
  std::vector<fs::path> paths_;
};

std::optional<Checksum> checksum_for(const FetchOptions& options, const CatalogueEntry& entry) {
  if (options.checksum == "none") return std::nullopt;
  return options.checksum.empty() ? entry.checksum : parse_checksum(options.checksum);
}

}  // namespace

const std::vector<CatalogueEntry>& catalogue() {
  // The MD5 values are GroupLens's own, published beside the archives (ml-100k.zip.md5, ml-1m.zip.md5) on
  // https://files.grouplens.org/datasets/movielens/; the same values stand in, for example, PaddlePaddle's dataset.movielens
  // (ml-1m) and gorse's data set tests (ml-100k).
  static const std::vector<CatalogueEntry> entries = {
      {.name = "ml-100k",
       .url = "https://files.grouplens.org/datasets/movielens/ml-100k.zip",
       .checksum = Checksum{.kind = DigestKind::kMd5, .hexadecimal = "0e33842e24a9c977be4e0107933c0723"},
       .terms = kMovielensTerms,
       .file = "u.data"},
      {.name = "ml-1m",
       .url = "https://files.grouplens.org/datasets/movielens/ml-1m.zip",
       .checksum = Checksum{.kind = DigestKind::kMd5, .hexadecimal = "c4d9eecfca2ab87c1945afe126590906"},
       .terms = kMovielensTerms,
       .file = "ratings.dat"},
      {.name = "book-crossing",
       .url = "",
       .checksum = std::nullopt,
       .terms = "Book-Crossing is free for research when acknowledged (Ziegler, McNee, Konstan, Lausen, WWW 2005)",
       .file = "BX-Book-Ratings.csv"},
  };
  return entries;
}

const CatalogueEntry& catalogue_entry(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& entry : catalogue()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  throw UsageError("data set \"" + name + "\" cannot be fetched, expected " + text::join(names, ", "));
}

FetchResult fetch(const FetchOptions& options) {
  const auto& entry = catalogue_entry(options.name);
  FetchResult result{.folder = options.directory / entry.name, .transfer = {}};
  if (fs::is_regular_file(result.folder / entry.file)) {
    result.was_there = true;
    return result;
  }
  if (fs::exists(result.folder)) {
    throw UsageError(result.folder.string() + " exists but holds no " + entry.file + ", expected a free place");
  }
  if (options.url.empty() && entry.url.empty()) {
    throw UsageError(entry.name +
                     ": its old home is gone, give --url ADDRESS of a copy of BX-CSV-Dump.zip, or put its three "
                     "files into " +
                     result.folder.string());
  }
  const auto checksum = checksum_for(options, entry);
  const fs::path archive = options.directory / (entry.name + ".zip");
  result.transfer = download({.url = options.url.empty() ? entry.url : options.url,
                              .target = archive,
                              .checksum = checksum,
                              .attempts = options.attempts});
  result.verified = checksum.has_value();
  result.sha256 = file_digest(archive, DigestKind::kSha256);

  const fs::path unpacked = options.directory / (entry.name + ".unpacked-" + std::to_string(getpid()));
  const Leftovers leftovers({unpacked, archive});
  try {
    unpack(archive, unpacked, options.limits);
    fs::rename(content_root(unpacked, entry), result.folder);
  } catch (const fs::filesystem_error& error) {
    throw InternalError("cannot write to " + options.directory.string() + ": " + error.code().message());
  }
  return result;
}

}  // namespace llama4rec::data
