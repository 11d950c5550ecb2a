// Downloads over HTTP: resumed where they stopped, verified, bounded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/digest.h"

namespace llama4rec::data {

/// A stated checksum of a file.
struct Checksum {
  DigestKind kind = DigestKind::kMd5;
  std::string hexadecimal;  ///< lower case
};

/// "md5:HEX" or "sha256:HEX"; UsageError for anything else.
Checksum parse_checksum(const std::string& text);

struct DownloadOptions {
  std::string url;               ///< https, or http where the caller asks for it; redirects never leave https
  std::filesystem::path target;  ///< written as target.part until it is complete
  std::optional<Checksum> checksum;
  std::int64_t maximum_bytes = std::int64_t{4} << 30U;
  int attempts = 3;  ///< connections in a row that may break before it gives up
  long connect_timeout_s = 30;
  long stall_timeout_s = 60;  ///< ends a connection that stays under 1 byte/s for so long
};

/// What a download did.
struct DownloadResult {
  std::int64_t bytes = 0;    ///< of the file
  std::int64_t resumed = 0;  ///< bytes that earlier attempts or calls had brought already
  int connections = 0;
};

/// Fetches a file. A part that is there already is continued where the server says that it is still the same file (its ETag or
/// date, kept in target.part.tag) or where a checksum will tell; else it starts over. RemoteError when the
/// server fails or the checksum does not match (the part is then removed), InterruptedError at a signal (it is kept).
DownloadResult download(const DownloadOptions& options);

}  // namespace llama4rec::data
