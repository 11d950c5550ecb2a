#include "tensor/mapped_safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <llama4rec/error.h>

namespace llama4rec::tensor {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr std::pair<const char*, torch::ScalarType> kTypes[] = {
    {"F64", torch::kFloat64}, {"F32", torch::kFloat32}, {"F16", torch::kFloat16}, {"BF16", torch::kBFloat16},
    {"I64", torch::kInt64},   {"I32", torch::kInt32},   {"I16", torch::kInt16},   {"I8", torch::kInt8},
    {"U8", torch::kUInt8},    {"BOOL", torch::kBool}};

/// A file that is closed again: a mapping lives on without it.
class OpenFile {
 public:
  explicit OpenFile(const std::string& file) : descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) fail(file);
  }
  ~OpenFile() { ::close(descriptor_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  OpenFile(OpenFile&&) = delete;
  OpenFile& operator=(OpenFile&&) = delete;

  [[nodiscard]] std::size_t size(const std::string& file) const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail(file);
    if (!S_ISREG(status.st_mode)) throw DataError({.file = file}, "is no ordinary file");
    return static_cast<std::size_t>(status.st_size);
  }
  [[nodiscard]] char* map(std::size_t size, const std::string& file) const {
    void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor_, 0);
    if (bytes == MAP_FAILED) fail(file);
    return static_cast<char*>(bytes);
  }

 private:
  [[noreturn]] static void fail(const std::string& file) {
    throw DataError({.file = file}, "cannot be opened: " + std::generic_category().message(errno));
  }
  int descriptor_;
};

}  // namespace

torch::ScalarType scalar_type(const std::string& name) {
  for (const auto& [known, type] : kTypes) {
    if (name == known) return type;
  }
  throw InternalError("safetensors type " + name + " has no libtorch type");
}

MappedSafetensors::MappedSafetensors(const std::filesystem::path& file) : file_(file.string()) {
  const OpenFile open(file_);
  size_ = open.size(file_);
  if (size_ < kHeaderLengthBytes) {
    throw DataError({.file = file_}, fmt::format("not a valid safetensors file: {} bytes are too few", size_));
  }
  bytes_ = open.map(size_, file_);
  try {
    std::uint64_t header_size = 0;
    std::memcpy(&header_size, bytes_, kHeaderLengthBytes);
    if (header_size > size_ - kHeaderLengthBytes || header_size > kLongestHeader) {
      throw DataError({.file = file_},
                      fmt::format("not a valid safetensors file: its header of {} bytes does not fit", header_size));
    }
    data_begin_ = kHeaderLengthBytes + header_size;
    header_ = parse_header({bytes_ + kHeaderLengthBytes, header_size}, size_ - data_begin_, file_);
  } catch (...) {
    ::munmap(bytes_, size_);
    throw;
  }
}

MappedSafetensors::MappedSafetensors(MappedSafetensors&& other) noexcept
    : file_(std::move(other.file_)),
      bytes_(std::exchange(other.bytes_, nullptr)),
      size_(other.size_),
      data_begin_(other.data_begin_),
      header_(std::move(other.header_)) {}

MappedSafetensors::~MappedSafetensors() {
  if (bytes_ != nullptr) ::munmap(bytes_, size_);
}

void MappedSafetensors::copy(const HeaderEntry& entry, torch::Tensor target) const {
  const torch::NoGradGuard no_grad;
  if (entry.begin == entry.end) return;
  char* begin = bytes_ + data_begin_ + entry.begin;
  const auto type = torch::TensorOptions().dtype(scalar_type(entry.type));
  if (reinterpret_cast<std::uintptr_t>(begin) % element_size(entry.type) == 0) {
    target.copy_(torch::from_blob(begin, entry.shape, type));
  } else {  // files of old writers are not aligned
    const auto aligned = torch::empty(entry.shape, type);
    std::memcpy(aligned.data_ptr(), begin, entry.end - entry.begin);
    target.copy_(aligned);
  }
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto first = (data_begin_ + entry.begin) / page * page;
  (void)::madvise(bytes_ + first, data_begin_ + entry.end - first, MADV_DONTNEED);
}

}  // namespace llama4rec::tensor
