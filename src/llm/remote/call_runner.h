// Sends many requests to several servers until each has its answer: bounded concurrency, limits per minute, repetitions.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "core/random.h"
#include "llm/remote/backoff.h"
#include "llm/remote/clock.h"
#include "llm/remote/endpoint_pool.h"
#include "llm/remote/rate_limiter.h"
#include "llm/remote/remote_account.h"
#include "llm/remote/transport.h"

namespace llama4rec::llm {

struct CallRunnerOptions {
  std::int64_t concurrency = 8;
  std::int64_t retries = 6;  ///< repetitions of one request after failures of server or network
  Backoff backoff;
  double retry_after_limit_s = 600;
  std::string key;  ///< taken out of servers' messages
};

/// A request that must be answered.
struct RemoteCall {
  std::string path;  ///< behind the endpoint's address
  std::string body;  ///< empty: a GET
  std::int64_t estimated_tokens = 0;
};

/// What became of a response's document.
struct Verdict {
  bool ask_again = false;              ///< the same call once more (counted by who asks for it)
  std::optional<std::int64_t> tokens;  ///< that it took in all, where known
};

/// One thread. What fails for a while (no connection, time-out, status 408, 409, 425, 429, 5xx, a body that is no JSON) is repeated
/// with exponential back-off, at another server where there is one; a Retry-After is obeyed. Every other status, and a request
/// whose repetitions are used up, ends the run with a RemoteError once the requests in flight have come back.
class CallRunner {
 public:
  CallRunner(Transport& transport, const Clock& clock, EndpointPool& endpoints, RateLimiter& limiter,
             RemoteAccount& account, const CallRunnerOptions& options, RandomStream random);

  /// Runs calls 0 to count - 1. `make` gives a call when it is first sent and each time it is repeated; `take` gets its
  /// document, in the order of arrival. InterruptedError at a signal: what is in flight is dropped.
  void run(std::size_t count, const std::function<RemoteCall(std::size_t)>& make,
           const std::function<Verdict(std::size_t, const nlohmann::json&)>& take);

 private:
  struct Run;
  Transport& transport_;
  const Clock& clock_;
  EndpointPool& endpoints_;
  RateLimiter& limiter_;
  RemoteAccount& account_;
  CallRunnerOptions options_;
  RandomStream random_;
};

}  // namespace llama4rec::llm
