// Sending many requests, over a transport whose time is made up: hours of waiting take no time.
#include "llm/remote/call_runner.h"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/interrupt.h"

namespace llama4rec::llm {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

struct MadeUpClock : Clock {
  double time = 1000;
  [[nodiscard]] double now() const override { return time; }
  [[nodiscard]] double wall() const override { return time + 784111777 - 1000; }
};

/// Every request is answered after a second by what `answer` says.
struct MadeUpTransport : Transport {
  explicit MadeUpTransport(MadeUpClock& clock_given) : clock(clock_given) {}

  void start(HttpRequest request) override {
    sent.push_back({clock.time, request.url, request.id});
    in_flight.emplace_back(clock.time + latency, request);
    most_in_flight = std::max(most_in_flight, in_flight.size());
  }
  std::vector<HttpResponse> wait(double seconds) override {
    EXPECT_GT(seconds, 0) << "a wait of no length would turn in circles";
    double until = clock.time + seconds;
    for (const auto& it : in_flight) until = std::min(until, std::max(clock.time, it.first));
    clock.time = until;
    std::vector<HttpResponse> done;
    for (auto it = in_flight.begin(); it != in_flight.end();) {
      if (it->first > clock.time + 1e-9) {
        ++it;
        continue;
      }
      auto response = answer(it->second);
      response.id = it->second.id;
      done.push_back(response);
      it = in_flight.erase(it);
    }
    return done;
  }
  void cancel() override { in_flight.clear(); }

  struct Sent {
    double time;
    std::string url;
    std::size_t id;
  };
  MadeUpClock& clock;
  double latency = 1;
  std::function<HttpResponse(const HttpRequest&)> answer = [](const HttpRequest&) { return good(); };
  std::vector<Sent> sent;
  std::vector<std::pair<double, HttpRequest>> in_flight;
  std::size_t most_in_flight = 0;

  static HttpResponse good() { return {.status = 200, .body = "{}"}; }
};

struct Fixture {
  MadeUpClock clock;
  MadeUpTransport transport{clock};
  RemoteAccount account;
  CallRunnerOptions options{
      .concurrency = 4, .retries = 3, .backoff = {.first_s = 1, .limit_s = 8}, .key = "sk-secret"};
  std::vector<std::string> addresses{"http://a"};
  std::int64_t requests_per_minute = 0;
  std::vector<std::size_t> arrived;

  void run(std::size_t count) {
    EndpointPool pool(addresses, options.backoff);
    RateLimiter limiter(requests_per_minute, 0, clock.now());
    CallRunner runner(transport, clock, pool, limiter, account, options, RandomStream(1, "test"));
    runner.run(
        count, [](std::size_t i) { return RemoteCall{.path = fmt::format("/{}", i), .body = "{}"}; },
        [this](std::size_t i, const json&) {
          arrived.push_back(i);
          return Verdict{};
        });
  }
  std::string failure(std::size_t count) {
    try {
      run(count);
    } catch (const RemoteError& error) {
      return error.what();
    }
    return "no RemoteError";
  }
  [[nodiscard]] std::size_t sent_to(const std::string& prefix) const {
    return static_cast<std::size_t>(std::count_if(transport.sent.begin(), transport.sent.end(),
                                                  [&](const auto& it) { return it.url.starts_with(prefix); }));
  }
};

TEST(RemoteCallRunner, KeepsTheConcurrencyBoundAndUsesIt) {
  Fixture it;
  it.run(20);
  EXPECT_EQ(it.transport.most_in_flight, 4U);
  EXPECT_EQ(it.arrived.size(), 20U);
  EXPECT_NEAR(it.clock.time - 1000, 5, 0.01) << "20 requests of a second, four at a time";
  EXPECT_EQ(it.account.requests, 20);
  EXPECT_EQ(it.account.statuses.at(200), 20);
}

TEST(RemoteCallRunner, SpreadsTheLoadOverItsServers) {
  Fixture it;
  it.addresses = {"http://a", "http://b"};
  it.run(20);
  EXPECT_EQ(it.sent_to("http://a"), 10U);
}

TEST(RemoteCallRunner, GoesOnWithTheOtherServersWhereOneIsDead) {
  Fixture it;
  it.addresses = {"http://dead", "http://b"};
  it.transport.answer = [](const HttpRequest& request) {
    if (request.url.starts_with("http://dead"))
      return HttpResponse{.status = 0, .failure = "Couldn't connect to server"};
    return MadeUpTransport::good();
  };
  it.run(100);
  EXPECT_EQ(std::set<std::size_t>(it.arrived.begin(), it.arrived.end()).size(), 100U);
  EXPECT_LT(it.sent_to("http://dead"), 15U) << "it rests longer and longer";
  EXPECT_GT(it.sent_to("http://dead"), 2U) << "and is tried again";
  EXPECT_EQ(it.account.statuses.at(0), static_cast<std::int64_t>(it.sent_to("http://dead")));
}

TEST(RemoteCallRunner, ObeysRetryAfterInSeconds) {
  Fixture it;
  it.options.concurrency = 1;
  int left = 1;
  it.transport.answer = [&](const HttpRequest&) {
    if (left-- > 0) return HttpResponse{.status = 429, .body = "{}", .retry_after = "120"};
    return MadeUpTransport::good();
  };
  it.run(2);
  EXPECT_GE(it.transport.sent[1].time, 1001 + 120);
  EXPECT_LT(it.transport.sent[1].time, 1001 + 121);
  EXPECT_EQ(it.account.repeated, 1);
  EXPECT_EQ(it.account.statuses.at(429), 1);
}

TEST(RemoteCallRunner, ObeysRetryAfterAsADate) {
  Fixture it;
  int left = 1;
  it.transport.answer = [&](const HttpRequest&) {
    // 40 s after the made-up clock's start.
    if (left-- > 0) return HttpResponse{.status = 503, .retry_after = "Sun, 06 Nov 1994 08:50:17 GMT"};
    return MadeUpTransport::good();
  };
  it.run(1);
  EXPECT_GE(it.transport.sent[1].time, 1040);
  EXPECT_LT(it.transport.sent[1].time, 1041);
}

TEST(RemoteCallRunner, ARetryAfterBeyondTheLimitEndsTheRun) {
  Fixture it;
  it.transport.answer = [](const HttpRequest&) { return HttpResponse{.status = 429, .retry_after = "86400"}; };
  EXPECT_THAT(it.failure(1), HasSubstr("86400 s, more than llm.retry_after_limit"));
  EXPECT_LT(it.clock.time, 1010);
}

TEST(RemoteCallRunner, BacksOffExponentiallyAndThenGivesUp) {
  Fixture it;
  it.transport.answer = [](const HttpRequest&) {
    return HttpResponse{.status = 500, .body = R"({"error": {"message": "oops"}})"};
  };
  EXPECT_EQ(it.failure(1), "http://a: status 500: oops; the request was sent 4 times");
  ASSERT_EQ(it.transport.sent.size(), 4U);
  double least = 0.5;
  for (std::size_t i = 1; i < 4; ++i, least *= 2) {
    const double pause = it.transport.sent[i].time - it.transport.sent[i - 1].time - 1;
    EXPECT_GE(pause, least - 1e-6) << i;
    EXPECT_LE(pause, 2 * least + 0.01) << i;
  }
}

TEST(RemoteCallRunner, ARefusalEndsTheRunAtOnceAndWhatIsInFlightStillArrives) {
  for (const long status : {400L, 401L, 403L, 404L, 413L, 422L}) {
    Fixture it;
    it.transport.answer = [&](const HttpRequest& request) {
      if (request.id == 5) return HttpResponse{.status = status, .body = R"({"error": {"message": "wrong"}})"};
      return MadeUpTransport::good();
    };
    EXPECT_EQ(it.failure(100), fmt::format("http://a: status {}: wrong", status));
    EXPECT_THAT(it.arrived, ::testing::UnorderedElementsAre(0, 1, 2, 3, 4, 6, 7));
    EXPECT_TRUE(it.transport.in_flight.empty());
  }
}

TEST(RemoteCallRunner, SpentCreditIsNotWaitedFor) {
  Fixture it;
  it.transport.answer = [](const HttpRequest&) {
    return HttpResponse{.status = 429, .body = R"({"error": {"message": "no credit", "code": "insufficient_quota"}})"};
  };
  EXPECT_EQ(it.failure(1), "http://a: status 429: no credit");
  EXPECT_EQ(it.transport.sent.size(), 1U);
}

TEST(RemoteCallRunner, ARedirectIsNamedAndNotFollowed) {
  Fixture it;
  it.transport.answer = [](const HttpRequest&) {
    return HttpResponse{.status = 307, .location = "https://evil.example"};
  };
  EXPECT_THAT(it.failure(1), HasSubstr("redirects to https://evil.example; redirects are not followed"));
  EXPECT_EQ(it.transport.sent.size(), 1U);
}

TEST(RemoteCallRunner, TheKeyIsTakenOutOfServersMessages) {
  Fixture it;
  it.transport.answer = [](const HttpRequest&) {
    return HttpResponse{.status = 401, .body = R"({"error": {"message": "bad key sk-secret!"}})"};
  };
  EXPECT_EQ(it.failure(1), "http://a: status 401: bad key [key]!");
}

TEST(RemoteCallRunner, BodiesThatAreNoJsonAreAskedForAgain) {
  Fixture it;
  int left = 2;
  it.transport.answer = [&](const HttpRequest&) {
    return left-- > 0 ? HttpResponse{.status = 200, .body = left == 1 ? "{\"choices\": [" : "[]"}
                      : MadeUpTransport::good();
  };
  it.run(1);
  EXPECT_EQ(it.account.invalid_documents, 2);
  EXPECT_EQ(it.account.repeated, 2);
  EXPECT_EQ(it.arrived.size(), 1U);
}

TEST(RemoteCallRunner, KeepsToItsRequestsPerMinute) {
  Fixture it;
  it.requests_per_minute = 30;
  it.options.concurrency = 100;
  it.run(63);
  EXPECT_GE(it.clock.time - 1000, 120) << "3 at once, then one every two seconds";
  EXPECT_LE(it.clock.time - 1000, 122);
}

TEST(RemoteCallRunner, ASignalDropsWhatIsInFlight) {
  Fixture it;
  it.transport.answer = [](const HttpRequest& request) {
    if (request.id == 3) request_interrupt(true);
    return MadeUpTransport::good();
  };
  EXPECT_THROW(it.run(100), InterruptedError);
  request_interrupt(false);
  EXPECT_EQ(it.arrived.size(), 4U);
  EXPECT_TRUE(it.transport.in_flight.empty());
}

}  // namespace
}  // namespace llama4rec::llm
