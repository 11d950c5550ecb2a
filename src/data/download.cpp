#include "data/download.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <memory>

#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "core/text.h"

namespace llama4rec::data {
namespace {

namespace fs = std::filesystem;

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct HeadersDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct FileDeleter {
  void operator()(std::FILE* file) const { (void)std::fclose(file); }
};

constexpr long kOk = 200;
constexpr long kPartialContent = 206;
constexpr long kRangeNotSatisfiable = 416;

std::int64_t size_of(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  return error ? 0 : static_cast<std::int64_t>(size);
}

/// One connection: appends what arrives to the part, or starts over where the server sends the whole file.
class Transfer {
 public:
  Transfer(const DownloadOptions& options, fs::path part, fs::path tag, std::int64_t offset)
      : options_(&options), part_(std::move(part)), tag_(std::move(tag)), offset_(offset), handle_(curl_easy_init()) {
    if (!handle_) throw InternalError("libcurl does not start");
  }

  /// InternalError where the part cannot be written, RemoteError where the server sends something else than it was asked for.
  CURLcode perform() {
    set_up();
    const auto code = curl_easy_perform(handle_.get());
    if (error_) std::rethrow_exception(error_);
    if (file_ && std::fflush(file_.get()) != 0) fail_to_write();
    file_.reset();
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status_);
    return code;
  }
  [[nodiscard]] long status() const { return status_; }
  /// Where this connection's bytes begin: the offset asked for, or 0.
  [[nodiscard]] std::int64_t started_at() const { return started_at_; }
  /// Whether the part holds bytes of this connection.
  [[nodiscard]] bool brought_bytes() const { return brought_bytes_; }
  [[nodiscard]] bool interrupted() const { return interrupted_; }
  /// The whole size as a 206 or 416 answer tells it, or -1.
  [[nodiscard]] std::int64_t stated_size() const { return stated_size_; }

 private:
  template <class Value>
  void set(CURLoption option, Value value) {
    if (const auto code = curl_easy_setopt(handle_.get(), option, value); code != CURLE_OK) {
      throw InternalError(std::string("libcurl: ") + curl_easy_strerror(code));
    }
  }

  void set_up() {
    const bool plain = options_->url.starts_with("http://");
    constexpr long kRedirects = 5;
    set(CURLOPT_URL, options_->url.c_str());
    set(CURLOPT_PROTOCOLS_STR, plain ? "http,https" : "https");
    set(CURLOPT_REDIR_PROTOCOLS_STR, plain ? "http,https" : "https");
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_MAXREDIRS, kRedirects);
    set(CURLOPT_CONNECTTIMEOUT, options_->connect_timeout_s);
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, options_->stall_timeout_s);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, "llama4rec");
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Transfer::on_progress);
    set(CURLOPT_XFERINFODATA, this);
    if (offset_ == 0) return;
    set(CURLOPT_RANGE, (std::to_string(offset_) + "-").c_str());
    if (fs::exists(tag_)) {
      headers_.reset(curl_slist_append(nullptr, ("If-Range: " + read_file(tag_)).c_str()));
      set(CURLOPT_HTTPHEADER, headers_.get());
    }
  }

  /// Whether a call of ours returned. libcurl is C: an exception must not pass through it and waits for the transfer's end.
  template <class Call>
  bool succeeds(Call call) {
    try {
      call();
      return true;
    } catch (...) {
      error_ = std::current_exception();
      return false;
    }
  }
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* object) {
    auto* self = static_cast<Transfer*>(object);
    return self->succeeds([&] { self->header(std::string_view(data, size * count)); }) ? size * count : 0;
  }
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* object) {
    auto* self = static_cast<Transfer*>(object);
    return self->succeeds([&] { self->body(std::string_view(data, size * count)); }) ? size * count : 0;
  }
  static int on_progress(void* object, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
    auto* self = static_cast<Transfer*>(object);
    int stop = 0;
    return self->succeeds([&] { stop = self->progress(total, now); }) ? stop : 1;
  }

  void header(std::string_view line) {
    if (line.starts_with("HTTP/")) {
      tag_text_.clear();
      stated_size_ = -1;
      return;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const auto name = text::lower(line.substr(0, colon));
    const auto value = text::trim(line.substr(colon + 1));
    if (name == "etag" && !value.starts_with("W/")) tag_text_ = value;
    if (name == "last-modified" && tag_text_.empty()) tag_text_ = value;
    if (name == "content-range") read_content_range(value);
  }

  /// "bytes 100-199/200" or "bytes */200".
  void read_content_range(std::string_view value) {
    const auto slash = value.rfind('/');
    const auto number = [](std::string_view digits) {
      std::int64_t result = -1;
      const char* end = std::from_chars(digits.data(), digits.data() + digits.size(), result).ptr;
      return end == digits.data() ? std::int64_t{-1} : result;
    };
    if (slash == std::string_view::npos || !value.starts_with("bytes ")) return;
    stated_size_ = number(value.substr(slash + 1));
    range_start_ = number(value.substr(std::string_view("bytes ").size()));
  }

  [[noreturn]] void fail_to_write() const { throw InternalError("cannot write " + part_.string() + " (disk full?)"); }
  [[noreturn]] void fail(const std::string& what) const { throw RemoteError(options_->url + ": " + what); }

  void body(std::string_view bytes) {
    if (bytes.empty()) return;
    if (!file_) open();
    if (!file_) return;  // an error page: read and dropped
    if (position_ + static_cast<std::int64_t>(bytes.size()) > options_->maximum_bytes) {
      fail("the file is larger than " + text::with_thousands(options_->maximum_bytes) + " bytes");
    }
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) fail_to_write();
    position_ += static_cast<std::int64_t>(bytes.size());
    brought_bytes_ = true;
  }

  /// Opens the part when the first bytes of a good answer arrive.
  void open() {
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status != kOk && status != kPartialContent) return;
    const bool partial = status == kPartialContent;
    if (partial && range_start_ != offset_) fail("the server sent another range than the one asked for");
    const bool appends = partial && offset_ > 0;
    started_at_ = position_ = appends ? offset_ : 0;
    file_.reset(std::fopen(part_.c_str(), appends ? "ab" : "wb"));
    if (!file_) fail_to_write();
    if (!appends) store_tag();
  }

  /// Only once the old part is gone: a tag vouches for the bytes that lie beside it.
  void store_tag() const {
    if (!tag_text_.empty()) {
      write_file_atomically(tag_, tag_text_);
      return;
    }
    std::error_code error;
    fs::remove(tag_, error);
    if (error) throw InternalError("cannot remove " + tag_.string() + ": " + error.message());
  }

  int progress(curl_off_t total, curl_off_t now) {
    if (interrupt_requested()) {
      interrupted_ = true;
      return 1;
    }
    if (total <= 0 || !file_) return 0;
    constexpr std::int64_t kKibi = 1024;
    if (!bar_) {
      bar_ = std::make_unique<Progress>(options_->target.filename().string(), (started_at_ + total) / kKibi, "KiB");
    }
    bar_->set((started_at_ + now) / kKibi);
    return 0;
  }

  const DownloadOptions* options_;
  fs::path part_;
  fs::path tag_;
  std::int64_t offset_;
  std::unique_ptr<CURL, CurlDeleter> handle_;
  std::unique_ptr<curl_slist, HeadersDeleter> headers_;
  std::unique_ptr<std::FILE, FileDeleter> file_;
  std::unique_ptr<Progress> bar_;
  std::string tag_text_;
  std::exception_ptr error_;
  std::int64_t position_ = 0;
  std::int64_t started_at_ = 0;
  std::int64_t range_start_ = -1;
  std::int64_t stated_size_ = -1;
  long status_ = 0;
  bool brought_bytes_ = false;
  bool interrupted_ = false;
};

bool worth_another_connection(CURLcode code) {
  return code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
         code == CURLE_OPERATION_TIMEDOUT || code == CURLE_HTTP2_STREAM || code == CURLE_SEND_ERROR;
}

void remove_part(const fs::path& part, const fs::path& tag) {
  std::error_code ignored;
  fs::remove(part, ignored);
  fs::remove(tag, ignored);
}

void verify(const DownloadOptions& options, const fs::path& part, const fs::path& tag) {
  if (!options.checksum) return;
  const auto found = file_digest(part, options.checksum->kind);
  if (found == options.checksum->hexadecimal) return;
  remove_part(part, tag);
  throw RemoteError(options.url + ": the checksum does not match, found " + found + ", expected " +
                    options.checksum->hexadecimal + "; the file was removed");
}

/// Whether the part is the whole file, as far as the server tells.
bool is_complete(const Transfer& transfer, CURLcode code, const fs::path& part) {
  if (code != CURLE_OK || !transfer.brought_bytes()) return false;
  return transfer.status() == kOk || transfer.stated_size() < 0 || transfer.stated_size() == size_of(part);
}

/// `size`: bytes of the part.
[[noreturn]] void fail_transfer(const DownloadOptions& options, const Transfer& transfer, CURLcode code,
                                std::int64_t size) {
  const long status = transfer.status();
  if (code == CURLE_OK && status == kOk) throw RemoteError(options.url + ": the server sent an empty file");
  if (code == CURLE_OK && status != kPartialContent) {
    throw RemoteError(options.url + ": the server answered with status " + std::to_string(status) + ", expected 200");
  }
  std::string what = curl_easy_strerror(code);
  if (code == CURLE_OK) {
    const auto whole = transfer.stated_size();
    what = "the answer ended after " + text::with_thousands(size) +
           (whole >= 0 ? " of " + text::with_thousands(whole) : "") + " bytes";
  }
  throw RemoteError(options.url + ": " + what + (size > 0 ? "; the same command resumes the download" : ""));
}

/// Connects until the part is complete. `result` counts.
void fetch_part(const DownloadOptions& options, const fs::path& part, const fs::path& tag, DownloadResult& result) {
  bool had_part = size_of(part) > 0;
  for (int failures = 0;;) {
    auto offset = size_of(part);
    if (offset > 0 && !fs::exists(tag) && !options.checksum) offset = 0;
    Transfer transfer(options, part, tag, offset);
    const auto code = transfer.perform();
    ++result.connections;
    if (transfer.interrupted()) {
      throw InterruptedError("download of " + options.url + " stopped; the same command resumes it");
    }
    if (code == CURLE_OK && transfer.status() == kRangeNotSatisfiable && offset > 0) {
      if (transfer.stated_size() == offset) {  // complete already
        result.resumed = offset;
        return;
      }
      remove_part(part, tag);
      had_part = false;
      if (++failures < options.attempts) continue;
    }
    if (had_part || result.connections > 1) result.resumed = transfer.started_at();
    if (is_complete(transfer, code, part)) return;
    const bool cut_short = code == CURLE_OK && transfer.status() == kPartialContent;
    const bool broken = cut_short || worth_another_connection(code);
    if (broken && size_of(part) > 0 && ++failures < options.attempts) continue;
    fail_transfer(options, transfer, code, size_of(part));
  }
}

}  // namespace

Checksum parse_checksum(const std::string& text) {
  const auto colon = text.find(':');
  const auto kind = text.substr(0, colon);
  const auto digits = colon == std::string::npos ? "" : text::lower(std::string_view(text).substr(colon + 1));
  constexpr std::size_t kMd5Digits = 32;
  constexpr std::size_t kSha256Digits = 64;
  const bool hexadecimal = digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (kind == "md5" && digits.size() == kMd5Digits && hexadecimal)
    return {.kind = DigestKind::kMd5, .hexadecimal = digits};
  if (kind == "sha256" && digits.size() == kSha256Digits && hexadecimal) {
    return {.kind = DigestKind::kSha256, .hexadecimal = digits};
  }
  throw UsageError("--checksum: found \"" + text + "\", expected md5: and 32 or sha256: and 64 hexadecimal digits");
}

DownloadResult download(const DownloadOptions& options) {
  if (!options.url.starts_with("https://") && !options.url.starts_with("http://")) {
    throw UsageError("--url: found \"" + options.url +
                     "\", expected an address that begins with https:// (or http://)");
  }
  // Once per process, before any handle; a function's static is initialised once even with threads.
  static const auto initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) throw InternalError("libcurl does not start");

  const fs::path part = options.target.string() + ".part";
  const fs::path tag = options.target.string() + ".part.tag";
  std::error_code error;
  if (options.target.has_parent_path()) fs::create_directories(options.target.parent_path(), error);
  DownloadResult result;
  fetch_part(options, part, tag, result);
  verify(options, part, tag);
  fs::rename(part, options.target, error);
  if (error) throw InternalError("cannot rename " + part.string() + ": " + error.message());
  fs::remove(tag, error);
  result.bytes = size_of(options.target);
  return result;
}

}  // namespace llama4rec::data
