// Cryptographic digests (OpenSSL) for data hashes, checksums and stage keys.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace llama4rec {

enum class DigestKind { kMd5, kSha256 };

/// A digest in progress.
class Digest {
 public:
  explicit Digest(DigestKind kind);
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;
  Digest(Digest&&) = delete;
  Digest& operator=(Digest&&) = delete;
  void update(std::string_view bytes);
  /// Lower-case hexadecimal; ends the digest.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(std::string_view bytes);
/// Reads in blocks; DataError when the file cannot be read.
std::string file_digest(const std::filesystem::path& file, DigestKind kind);

}  // namespace llama4rec
