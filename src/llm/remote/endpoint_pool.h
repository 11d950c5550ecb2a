// Several servers of one model: the load is spread, a failing one is rested.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/random.h"
#include "llm/remote/backoff.h"

namespace llama4rec::llm {

/// A server's base address in its normal form: http or https, host, port and path, without a slash at the end. UsageError for
/// anything else, for user names and passwords in it (they would be logged) and for queries.
std::string normal_endpoint(const std::string& address);

/// Chooses servers. Not thread-safe; time comes from the caller (seconds).
class EndpointPool {
 public:
  EndpointPool(const std::vector<std::string>& addresses, const Backoff& rest);

  /// The server with the fewest requests in flight among those that are not rested; of equals the one that was chosen longest
  /// ago. One that failed last gets one request at a time until it is well again. `avoid` (the server at which the request failed) is
  /// chosen only where there is no other. Nothing where there is none.
  [[nodiscard]] std::optional<std::size_t> choose(double now, std::optional<std::size_t> avoid = {}) const;
  /// Seconds until a server's rest ends; 0 where one is awake.
  [[nodiscard]] double wait(double now) const;
  /// A request went out to it, after `choose`.
  void began(std::size_t endpoint);
  /// A request came back well: the server's failures are forgotten.
  void succeeded(std::size_t endpoint);
  /// A request came back with a fault of its own: the server itself is well.
  void refused(std::size_t endpoint);
  /// The server failed; it rests longer with every failure in a row, and at least `least_rest` seconds.
  void failed(std::size_t endpoint, double now, double least_rest, RandomStream& random);

  [[nodiscard]] const std::string& address(std::size_t endpoint) const { return endpoints_[endpoint].address; }
  [[nodiscard]] std::size_t size() const { return endpoints_.size(); }
  [[nodiscard]] std::int64_t in_flight(std::size_t endpoint) const { return endpoints_[endpoint].in_flight; }

 private:
  struct Endpoint {
    std::string address;
    std::int64_t in_flight = 0;
    std::int64_t failures = 0;  ///< in a row
    double rests_until = 0;
    std::int64_t chosen = 0;  ///< when, counted in choices
  };
  std::vector<Endpoint> endpoints_;
  Backoff rest_;
  std::int64_t choices_ = 0;
};

}  // namespace llama4rec::llm
