// One request to one server, repeated where that helps: for what a client asks before its work begins.
#pragma once

#include <string>

#include "core/random.h"
#include "llm/remote/backoff.h"
#include "llm/remote/clock.h"
#include "llm/remote/remote_account.h"
#include "llm/remote/transport.h"

namespace llama4rec::llm {

/// Whether the same request may succeed later: no response, or status 408, 409, 425, 429 or 5xx.
bool worth_repeating(long status);

struct ExchangeOptions {
  std::int64_t retries = 2;
  Backoff backoff;
  double longest_wait_s = 60;  ///< a Retry-After that asks for more ends the repetitions
};

/// The last response. The transport must have nothing else in flight. InterruptedError at a signal.
HttpResponse exchange(Transport& transport, const Clock& clock, const std::string& url, const std::string& body,
                      const ExchangeOptions& options, RandomStream& random, RemoteAccount& account);

}  // namespace llama4rec::llm
