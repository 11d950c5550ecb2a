// Getting the public data sets from their publishers.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/archive.h"
#include "data/download.h"

namespace llama4rec::data {

/// A data set that can be fetched by name.
struct CatalogueEntry {
  std::string name;
  std::string url;  ///< empty: there is no reliable home
  std::optional<Checksum> checksum;
  std::string terms;  ///< the publisher's conditions in a sentence
  std::string file;   ///< by which the unpacked folder is recognised
};

const std::vector<CatalogueEntry>& catalogue();
/// UsageError with the names there are.
const CatalogueEntry& catalogue_entry(const std::string& name);

struct FetchOptions {
  std::string name;
  std::string url;                  ///< instead of the publisher's
  std::string checksum;             ///< "md5:HEX", "sha256:HEX", "none"; empty: the known one
  std::filesystem::path directory;  ///< the data set's folder comes to lie in it
  UnpackLimits limits;
  int attempts = 3;
};

struct FetchResult {
  std::filesystem::path folder;
  bool was_there = false;  ///< nothing was downloaded
  bool verified = false;   ///< by a checksum
  std::string sha256;      ///< of the archive
  DownloadResult transfer;
};

/// Downloads, verifies, unpacks. The folder appears whole or not at all.
FetchResult fetch(const FetchOptions& options);

}  // namespace llama4rec::data
