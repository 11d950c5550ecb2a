#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>
#include <list>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/text.h"
#include "llm/remote/transport.h"

namespace llama4rec::llm {
namespace {

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiDeleter {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct HeadersDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

constexpr double kMillisecondsPerSecond = 1000;

/// One request in flight.
struct Exchange {
  std::unique_ptr<CURL, EasyDeleter> handle{curl_easy_init()};
  std::string request_body;
  HttpResponse response;
  std::size_t maximum_body = 0;
  bool too_large = false;
};

template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
  if (const auto code = curl_easy_setopt(handle, option, value); code != CURLE_OK) {
    throw InternalError(fmt::format("libcurl: {}", curl_easy_strerror(code)));
  }
}

void check(CURLMcode code) {
  if (code != CURLM_OK) throw InternalError(fmt::format("libcurl: {}", curl_multi_strerror(code)));
}

// libcurl is C: nothing may be thrown through it. Memory that cannot be had ends the transfer.
std::size_t on_body(char* data, std::size_t size, std::size_t count, void* object) {
  auto* exchange = static_cast<Exchange*>(object);
  const std::size_t bytes = size * count;
  if (bytes > exchange->maximum_body - exchange->response.body.size()) {
    exchange->too_large = true;
    return 0;
  }
  try {
    exchange->response.body.append(data, bytes);
  } catch (const std::exception&) {
    return 0;
  }
  return bytes;
}

/// Scheme and host of an address, for messages: the rest may hold anything.
std::string origin_of(std::string_view address) {
  const auto scheme = address.find("://");
  if (scheme == std::string_view::npos) return "another path of the same server";
  const auto end = address.find_first_of("/?#", scheme + 3);
  auto origin = address.substr(0, end);
  if (const auto at = origin.rfind('@'); at != std::string_view::npos) origin.remove_prefix(at + 1);
  return std::string(origin);
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* object) {
  auto* exchange = static_cast<Exchange*>(object);
  const std::string_view line(data, size * count);
  try {
    if (line.starts_with("HTTP/")) {  // a new answer, behind "100 Continue"
      exchange->response.retry_after.clear();
      exchange->response.location.clear();
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return size * count;
    const auto name = text::lower(line.substr(0, colon));
    const auto value = text::trim(line.substr(colon + 1));
    if (name == "retry-after") exchange->response.retry_after = std::string(value);
    if (name == "location") exchange->response.location = origin_of(value);
  } catch (const std::exception&) {
    return 0;
  }
  return size * count;
}

}  // namespace

struct CurlTransport::State {
  CurlTransportOptions options;
  std::unique_ptr<curl_slist, HeadersDeleter> headers;
  std::unique_ptr<CURLM, MultiDeleter> multi;
  std::list<Exchange> exchanges;  // in flight; addresses are libcurl's private pointers

  void add_header(const std::string& line) {
    curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
    if (longer == nullptr) throw InternalError("libcurl: out of memory");
    (void)headers.release();
    headers.reset(longer);
  }

  void remove(Exchange* exchange) {
    curl_multi_remove_handle(multi.get(), exchange->handle.get());
    exchanges.remove_if([exchange](const Exchange& it) { return &it == exchange; });
  }

  /// The response of an exchange that libcurl is done with.
  HttpResponse finish(Exchange& exchange, CURLcode code) const {
    auto& response = exchange.response;
    curl_easy_getinfo(exchange.handle.get(), CURLINFO_RESPONSE_CODE, &response.status);
    if (code == CURLE_OK) return std::move(response);
    response.status = 0;
    response.body.clear();
    response.timed_out = code == CURLE_OPERATION_TIMEDOUT;
    if (exchange.too_large) {
      response.failure = fmt::format("the answer is larger than {} bytes",
                                     text::with_thousands(static_cast<long long>(options.maximum_body)));
    } else if (response.timed_out) {
      response.failure = fmt::format("no answer within {} s (llm.timeout, llm.connect_timeout)", options.timeout_s);
    } else {
      response.failure = curl_easy_strerror(code);
    }
    return std::move(response);
  }
};

CurlTransport::CurlTransport(CurlTransportOptions options) : state_(std::make_unique<State>()) {
  // Once per process, before any handle; a function's static is initialised once even with threads.
  static const auto initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  state_->options = std::move(options);
  state_->multi.reset(initialised == CURLE_OK ? curl_multi_init() : nullptr);
  if (!state_->multi) throw InternalError("libcurl does not start");
  state_->add_header("Content-Type: application/json");
  state_->add_header("Expect:");  // prompts are sent without asking first
  if (!state_->options.key.empty()) state_->add_header("Authorization: Bearer " + state_->options.key);
}

CurlTransport::~CurlTransport() { cancel(); }

void CurlTransport::start(HttpRequest request) {
  auto& exchange = state_->exchanges.emplace_back();
  exchange.response.id = request.id;
  exchange.request_body = std::move(request.body);
  exchange.maximum_body = state_->options.maximum_body;
  CURL* handle = exchange.handle.get();
  if (handle == nullptr) throw InternalError("libcurl does not start");
  set(handle, CURLOPT_PRIVATE, &exchange);
  set(handle, CURLOPT_URL, request.url.c_str());
  set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  set(handle, CURLOPT_FOLLOWLOCATION, 0L);
  set(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  set(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  set(handle, CURLOPT_HTTPHEADER, state_->headers.get());
  set(handle, CURLOPT_USERAGENT, "llama4rec");
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(state_->options.timeout_s * kMillisecondsPerSecond));
  set(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(state_->options.connect_timeout_s * kMillisecondsPerSecond));
  set(handle, CURLOPT_WRITEFUNCTION, &on_body);
  set(handle, CURLOPT_WRITEDATA, &exchange);
  set(handle, CURLOPT_HEADERFUNCTION, &on_header);
  set(handle, CURLOPT_HEADERDATA, &exchange);
  if (!exchange.request_body.empty()) {
    set(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(exchange.request_body.size()));
    set(handle, CURLOPT_POSTFIELDS, exchange.request_body.c_str());
  }
  check(curl_multi_add_handle(state_->multi.get(), handle));
}

std::vector<HttpResponse> CurlTransport::wait(double seconds) {
  std::vector<HttpResponse> responses;
  int running = 0;
  check(curl_multi_perform(state_->multi.get(), &running));
  const auto collect = [&] {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(state_->multi.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      void* pointer = nullptr;
      const CURLcode code = message->data.result;  // the message dies with the handle
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &pointer);
      auto* exchange = static_cast<Exchange*>(pointer);
      responses.push_back(state_->finish(*exchange, code));
      state_->remove(exchange);
    }
  };
  collect();
  if (!responses.empty()) return responses;
  const auto milliseconds = static_cast<int>(std::clamp(seconds, 0.0, 3600.0) * kMillisecondsPerSecond) + 1;
  check(curl_multi_poll(state_->multi.get(), nullptr, 0, milliseconds, nullptr));
  check(curl_multi_perform(state_->multi.get(), &running));
  collect();
  return responses;
}

void CurlTransport::cancel() {
  while (!state_->exchanges.empty()) state_->remove(&state_->exchanges.front());
}

std::string key_from_environment(const std::string& variable) {
  const char* value = variable.empty() ? nullptr : std::getenv(variable.c_str());
  if (value == nullptr) return "";
  const std::string key(text::trim(value));
  const bool clean = std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (!clean) {
    throw UsageError(fmt::format(
        "the environment variable {} holds characters that cannot stand in a header, expected a key", variable));
  }
  return key;
}

std::string without_key(std::string text, const std::string& key) {
  if (key.empty()) return text;
  constexpr std::string_view kMark = "[key]";
  for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at + kMark.size())) {
    text.replace(at, key.size(), kMark);
  }
  return text;
}

}  // namespace llama4rec::llm
