#include "llm/remote/call_runner.h"

#include <algorithm>
#include <exception>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/interrupt.h"
#include "core/log.h"
#include "core/text.h"
#include "llm/remote/exchange.h"
#include "llm/remote/openai_protocol.h"

namespace llama4rec::llm {
namespace {

constexpr long kOk = 200;
constexpr long kTooManyRequests = 429;

/// Seconds between two looks at whether a signal came.
constexpr double kSlice = 0.2;

}  // namespace

/// One run's calls: those not sent yet, those that wait for their repetition, those in flight.
struct CallRunner::Run {
  struct InFlight {
    std::size_t endpoint = 0;
    std::int64_t charged = 0;  ///< tokens
  };

  CallRunner& runner;
  std::size_t count;
  const std::function<RemoteCall(std::size_t)>& make;
  const std::function<Verdict(std::size_t, const nlohmann::json&)>& take;
  std::size_t next = 0;                                   ///< the first call that was not sent yet
  std::set<std::pair<double, std::size_t>> waiting = {};  ///< by the time of their repetition
  std::map<std::size_t, InFlight> in_flight = {};
  std::map<std::size_t, std::int64_t> failures = {};  ///< by call, where there are any
  std::map<std::size_t, std::size_t> failed_at = {};  ///< the server of a call's last failure
  std::exception_ptr error = nullptr;                 ///< the first: nothing new is sent

  void go() {
    while (!in_flight.empty() || (!error && (next < count || !waiting.empty()))) {
      if (interrupt_requested()) {
        runner.transport_.cancel();
        throw_if_interrupted("asking remote servers; the answers so far are in the journal");
      }
      const double pause = error ? kSlice : start_calls();
      for (auto& response : runner.transport_.wait(std::min(kSlice, pause))) receive(std::move(response));
    }
    if (error) std::rethrow_exception(error);
  }

  /// Sends what may be sent; seconds until more may be.
  double start_calls() {
    while (static_cast<std::int64_t>(in_flight.size()) < runner.options_.concurrency) {
      const double now = runner.clock_.now();
      const bool repeats = !waiting.empty() && waiting.begin()->first <= now;
      if (!repeats && next == count) return waiting.empty() ? kSlice : waiting.begin()->first - now;
      if (const double rest = runner.endpoints_.wait(now); rest > 0) return rest;
      const std::size_t id = repeats ? waiting.begin()->second : next;
      const auto failed = failed_at.find(id);
      const auto endpoint =
          runner.endpoints_.choose(now, failed == failed_at.end() ? std::nullopt : std::optional(failed->second));
      if (!endpoint) return kSlice;  // until one that failed last has answered
      const RemoteCall call = make(id);
      if (const double pause = runner.limiter_.wait(call.estimated_tokens, now); pause > 0) return pause;
      repeats ? (void)waiting.erase(waiting.begin()) : (void)++next;
      send(id, call, *endpoint, now);
    }
    return kSlice;
  }

  void send(std::size_t id, const RemoteCall& call, std::size_t endpoint, double now) {
    runner.limiter_.take(call.estimated_tokens, now);
    runner.transport_.start({.id = id, .url = runner.endpoints_.address(endpoint) + call.path, .body = call.body});
    runner.endpoints_.began(endpoint);
    in_flight[id] = {.endpoint = endpoint, .charged = call.estimated_tokens};
    ++runner.account_.requests;
  }

  void receive(HttpResponse response) {
    const auto place = in_flight.find(response.id);
    const InFlight sent = place->second;
    in_flight.erase(place);
    ++runner.account_.statuses[response.status];
    if (response.timed_out) ++runner.account_.timeouts;
    if (response.status == kOk) {
      nlohmann::json document;
      bool readable = false;
      try {
        document = nlohmann::json::parse(response.body);
        readable = document.is_object();
      } catch (const nlohmann::json::exception&) {
        readable = false;
      }
      if (readable) {
        accept(response.id, sent, document);
        return;
      }
      ++runner.account_.invalid_documents;
      response.failure = "the body is not a JSON object";
    }
    reject(response, sent);
  }

  void accept(std::size_t id, const InFlight& sent, const nlohmann::json& document) {
    runner.endpoints_.succeeded(sent.endpoint);
    Verdict verdict;
    try {
      verdict = take(id, document);
    } catch (const DataError& problem) {  // a document, but none of the API
      ++runner.account_.invalid_documents;
      repeat_or_fail(id, sent, 0, problem.what());
      return;
    } catch (...) {  // such as a journal that cannot be written
      if (!error) error = std::current_exception();
      return;
    }
    if (verdict.tokens) runner.limiter_.settle(sent.charged, *verdict.tokens);
    if (verdict.ask_again) waiting.emplace(runner.clock_.now(), id);
  }

  /// A response that is no answer.
  void reject(const HttpResponse& response, const InFlight& sent) {
    const double now = runner.clock_.now();
    const bool document_missing = response.status == kOk;
    const auto what = describe(response);
    const bool out_of_credit = response.status == kTooManyRequests && error_code(response.body) == "insufficient_quota";
    if (!document_missing && (!worth_repeating(response.status) || out_of_credit)) {
      runner.endpoints_.refused(sent.endpoint);
      runner.limiter_.settle(sent.charged, 0);
      fail(sent.endpoint, what);
      return;
    }
    const auto asked = parse_retry_after(response.retry_after, runner.clock_.wall());
    runner.endpoints_.failed(sent.endpoint, now, asked.value_or(0), runner.random_);
    runner.limiter_.settle(sent.charged, 0);
    if (asked && *asked > runner.options_.retry_after_limit_s) {
      fail(sent.endpoint, fmt::format("{}; it asks to wait {:.0f} s, more than llm.retry_after_limit ({:.0f} s)", what,
                                      *asked, runner.options_.retry_after_limit_s));
      return;
    }
    // Another server need not wait for what this one asks: its own rest covers that.
    repeat_or_fail(response.id, sent, runner.endpoints_.size() > 1 ? 0 : asked.value_or(0), what);
  }

  void repeat_or_fail(std::size_t id, const InFlight& sent, double least_delay, const std::string& what) {
    const std::int64_t failed = ++failures[id];
    failed_at[id] = sent.endpoint;
    if (failed > runner.options_.retries) {
      fail(sent.endpoint, fmt::format("{}; the request was sent {} times", what, failed));
      return;
    }
    const double delay = std::max(least_delay, runner.options_.backoff.delay(failed, runner.random_));
    log::debug("{}: {}; once more in {:.1f} s", runner.endpoints_.address(sent.endpoint), what, delay);
    ++runner.account_.repeated;
    waiting.emplace(runner.clock_.now() + delay, id);
  }

  void fail(std::size_t endpoint, const std::string& what) {
    if (error) return;
    error = std::make_exception_ptr(RemoteError(fmt::format("{}: {}", runner.endpoints_.address(endpoint), what)));
  }

  [[nodiscard]] std::string describe(const HttpResponse& response) const {
    if (!response.failure.empty()) return response.failure;
    if (!response.location.empty()) {
      return fmt::format("status {}: the server redirects to {}; redirects are not followed, name the address itself",
                         response.status, text::to_valid_utf8(response.location));
    }
    // The key goes before the message is cut: a half of it would not be found any more.
    const auto message = error_message(without_key(response.body, runner.options_.key));
    return fmt::format("status {}{}{}", response.status, message.empty() ? "" : ": ", message);
  }
};

CallRunner::CallRunner(Transport& transport, const Clock& clock, EndpointPool& endpoints, RateLimiter& limiter,
                       RemoteAccount& account, const CallRunnerOptions& options, RandomStream random)
    : transport_(transport),
      clock_(clock),
      endpoints_(endpoints),
      limiter_(limiter),
      account_(account),
      options_(options),
      random_(random) {}

void CallRunner::run(std::size_t count, const std::function<RemoteCall(std::size_t)>& make,
                     const std::function<Verdict(std::size_t, const nlohmann::json&)>& take) {
  Run run{.runner = *this, .count = count, .make = make, .take = take};
  try {
    run.go();
  } catch (...) {
    transport_.cancel();
    throw;
  }
}

}  // namespace llama4rec::llm
