// Many HTTP requests in flight, answered in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace llama4rec::llm {

/// A request; a body makes it a POST of JSON, an empty one a GET.
struct HttpRequest {
  std::size_t id = 0;
  std::string url;
  std::string body;
};

/// What came back.
struct HttpResponse {
  std::size_t id = 0;
  long status = 0;      ///< 0: no answer, `failure` tells why
  std::string failure;  ///< no server, cut connection, time-out, too large; empty where the answer is whole
  bool timed_out = false;
  std::string body;
  std::string retry_after;  ///< the header, empty where missing
  std::string location;     ///< the header's scheme and host, where the answer is a redirect
};

/// Sends requests; one thread. Implementations: libcurl, and a fake in the tests whose time is made up.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual void start(HttpRequest request) = 0;
  /// Waits until a response is there or `seconds` are over; gives every response that is.
  virtual std::vector<HttpResponse> wait(double seconds) = 0;
  /// Drops all requests in flight; they give no response.
  virtual void cancel() = 0;
};

struct CurlTransportOptions {
  double timeout_s = 300;
  double connect_timeout_s = 10;
  std::size_t maximum_body = std::size_t{16} << 20U;  ///< bytes of a response
  std::string key;                                    ///< sent as `Authorization: Bearer KEY`; empty: none
};

/// Over libcurl's multi interface. TLS certificates are verified. Redirects are not followed: a request goes to the address that
/// the user gave or nowhere, and with it the key.
class CurlTransport : public Transport {
 public:
  explicit CurlTransport(CurlTransportOptions options);
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;
  CurlTransport(CurlTransport&&) = delete;
  CurlTransport& operator=(CurlTransport&&) = delete;

  void start(HttpRequest request) override;
  std::vector<HttpResponse> wait(double seconds) override;
  void cancel() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The key in the environment variable, empty where it is not set. UsageError (without the value) where it cannot stand in a header.
std::string key_from_environment(const std::string& variable);

/// `text` with every occurrence of the key replaced: servers repeat keys in their messages.
std::string without_key(std::string text, const std::string& key);

}  // namespace llama4rec::llm
