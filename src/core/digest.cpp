#include "core/digest.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include <openssl/evp.h>

#include <llama4rec/error.h>

namespace llama4rec {

struct Digest::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

Digest::Digest(DigestKind kind) : state_(std::make_unique<State>()) {
  const EVP_MD* algorithm = kind == DigestKind::kMd5 ? EVP_md5() : EVP_sha256();
  if (state_->context == nullptr || EVP_DigestInit_ex(state_->context.get(), algorithm, nullptr) != 1) {
    throw InternalError("OpenSSL cannot start a digest");
  }
}

Digest::~Digest() = default;

void Digest::update(std::string_view bytes) {
  if (EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1) {
    throw InternalError("OpenSSL cannot update a digest");
  }
}

std::string Digest::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(state_->context.get(), bytes.data(), &size) != 1) {
    throw InternalError("OpenSSL cannot finish a digest");
  }
  static constexpr std::string_view kHexadecimal = "0123456789abcdef";
  std::string text;
  text.reserve(std::size_t{2} * size);
  for (unsigned int i = 0; i < size; ++i) {
    text += kHexadecimal[bytes[i] >> 4U];
    text += kHexadecimal[bytes[i] & 15U];
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  Digest digest(DigestKind::kSha256);
  digest.update(bytes);
  return digest.finish();
}

std::string file_digest(const std::filesystem::path& file, DigestKind kind) {
  constexpr std::size_t kBlock = std::size_t{1} << 20U;
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream || std::filesystem::is_directory(file)) {
    throw DataError({.file = file.string()},
                    stream ? "is a folder, expected a file" : std::string("cannot be opened: ") + std::strerror(errno));
  }
  Digest digest(kind);
  std::vector<char> block(kBlock);
  while (stream) {
    stream.read(block.data(), static_cast<std::streamsize>(block.size()));
    digest.update({block.data(), static_cast<std::size_t>(stream.gcount())});
  }
  if (stream.bad()) throw DataError({.file = file.string()}, std::string("cannot be read: ") + std::strerror(errno));
  return digest.finish();
}

}  // namespace llama4rec
