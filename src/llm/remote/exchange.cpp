#include "llm/remote/exchange.h"

#include <algorithm>

#include "core/interrupt.h"

namespace llama4rec::llm {
namespace {

/// Seconds between two looks at whether a signal came.
constexpr double kInterruptSlice = 0.2;

void look_for_interrupt(Transport& transport) {
  if (!interrupt_requested()) return;
  transport.cancel();
  throw_if_interrupted("asking remote servers");
}

void pause(Transport& transport, const Clock& clock, double seconds) {
  const double end = clock.now() + seconds;
  for (double now = clock.now(); now < end; now = clock.now()) {
    look_for_interrupt(transport);
    (void)transport.wait(std::min(kInterruptSlice, end - now));
  }
}

}  // namespace

bool worth_repeating(long status) {
  return status == 0 || status == 408 || status == 409 || status == 425 || status == 429 || status >= 500;
}

HttpResponse exchange(Transport& transport, const Clock& clock, const std::string& url, const std::string& body,
                      const ExchangeOptions& options, RandomStream& random, RemoteAccount& account) {
  for (std::int64_t repetition = 1;; ++repetition) {
    transport.start({.url = url, .body = body});
    ++account.requests;
    ++account.probes;
    std::vector<HttpResponse> responses;
    while (responses.empty()) {
      look_for_interrupt(transport);
      responses = transport.wait(kInterruptSlice);
    }
    auto& response = responses.front();
    ++account.statuses[response.status];
    if (response.timed_out) ++account.timeouts;
    if (!worth_repeating(response.status) || repetition > options.retries) return std::move(response);
    const auto asked = parse_retry_after(response.retry_after, clock.wall());
    if (asked && *asked > options.longest_wait_s) return std::move(response);
    ++account.repeated;
    pause(transport, clock, std::max(asked.value_or(0), options.backoff.delay(repetition, random)));
  }
}

}  // namespace llama4rec::llm
