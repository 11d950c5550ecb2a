#include "core/digest.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include <llama4rec/error.h>

#include "core/atomic_file.h"

namespace llama4rec {
namespace {

std::string digest_of(DigestKind kind, std::initializer_list<std::string_view> pieces) {
  Digest digest(kind);
  for (const auto piece : pieces) digest.update(piece);
  return digest.finish();
}

// RFC 1321, appendix A.5; FIPS 180-4 examples.
TEST(DigestTest, DigestsAreThoseOfTheStandards) {
  EXPECT_EQ(digest_of(DigestKind::kMd5, {}), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(digest_of(DigestKind::kMd5, {"message digest"}), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(DigestTest, PiecesGiveTheDigestOfTheWhole) {
  EXPECT_EQ(digest_of(DigestKind::kSha256, {"a", "", "bc"}), sha256("abc"));
}

TEST(DigestTest, AFileHasTheDigestOfItsBytes) {
  const std::filesystem::path file = testing::TempDir() + "digest." + std::to_string(getpid());
  const std::string bytes((std::size_t{3} << 20U) + 17, 'x');
  write_file_atomically(file, bytes);
  EXPECT_EQ(file_digest(file, DigestKind::kSha256), sha256(bytes));
  std::filesystem::remove(file);
}

TEST(DigestTest, AFileThatCannotBeReadIsADataError) {
  EXPECT_THROW((void)file_digest("/nonexistent/file", DigestKind::kMd5), DataError);
  EXPECT_THROW((void)file_digest("/", DigestKind::kMd5), DataError);
}

}  // namespace
}  // namespace llama4rec
