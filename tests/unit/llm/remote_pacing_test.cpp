// When a request is sent: back-off, Retry-After, limits per minute, the choice among servers.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "llm/remote/backoff.h"
#include "llm/remote/endpoint_pool.h"
#include "llm/remote/rate_limiter.h"

namespace llama4rec::llm {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RemotePacing, BackoffDoublesUpToItsLimitWithAJitterOfHalf) {
  const Backoff backoff{.first_s = 2, .limit_s = 20};
  RandomStream random(1, "test");
  const double expected[] = {2, 4, 8, 16, 20, 20};
  for (int repetition = 1; repetition <= 6; ++repetition) {
    double least = 1e9;
    double most = 0;
    for (int draw = 0; draw < 200; ++draw) {
      const double delay = backoff.delay(repetition, random);
      least = std::min(least, delay);
      most = std::max(most, delay);
    }
    const double full = expected[repetition - 1];
    EXPECT_GE(least, full / 2);
    EXPECT_LT(least, full * 0.55) << "the jitter uses its range";
    EXPECT_LE(most, full);
    EXPECT_GT(most, full * 0.95);
  }
  EXPECT_LE(backoff.delay(1'000'000, random), 20);
}

TEST(RemotePacing, JitterFollowsTheSeed) {
  RandomStream a(7, "test");
  RandomStream b(7, "test");
  RandomStream c(8, "test");
  const Backoff backoff;
  EXPECT_EQ(backoff.delay(3, a), backoff.delay(3, b));
  EXPECT_NE(backoff.delay(3, a), backoff.delay(3, c));
}

TEST(RemotePacing, ReadsRetryAfterAsSecondsAndAsEveryFormOfAnHttpDate) {
  // 1994-11-06 08:49:37 UTC, RFC 9110's example.
  const double moment = 784111777;
  EXPECT_EQ(parse_retry_after("7", moment), 7);
  EXPECT_EQ(parse_retry_after(" 1.5 ", moment), 1.5);
  EXPECT_EQ(parse_retry_after("0", moment), 0);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", moment - 30), 30);
  EXPECT_EQ(parse_retry_after("Sunday, 06-Nov-94 08:49:37 GMT", moment - 30), 30);
  EXPECT_EQ(parse_retry_after("Sun Nov  6 08:49:37 1994", moment - 30), 30);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", moment + 30), 0) << "a date that is past";
  for (const char* wrong : {"", "soon", "-3", "7 seconds", "nan", "1e999", "Sun, 06 Nov 1994", "inf"}) {
    EXPECT_EQ(parse_retry_after(wrong, moment), std::nullopt) << wrong;
  }
}

TEST(RemotePacing, RequestsPerMinuteAreSpreadEvenly) {
  RateLimiter limiter(60, 0, 100);
  double now = 100;
  int sent = 0;
  while (now < 160) {
    const double pause = limiter.wait(0, now);
    if (pause == 0) {
      limiter.take(0, now);
      ++sent;
    } else {
      now += pause;
    }
  }
  EXPECT_LE(sent, 66) << "a minute's, and the tenth that the bucket starts with";
  EXPECT_GE(sent, 60);
}

TEST(RemotePacing, TokensPerMinuteWaitForWhatARequestNeeds) {
  RateLimiter limiter(0, 6000, 0);
  EXPECT_EQ(limiter.wait(600, 0), 0);
  limiter.take(600, 0);
  EXPECT_NEAR(limiter.wait(500, 0), 5, 1e-9) << "100 tokens a second";
  EXPECT_NEAR(limiter.wait(500, 4), 1, 1e-9);
  EXPECT_EQ(limiter.wait(500, 5), 0);
  limiter.take(500, 5);
  limiter.settle(500, 100);  // it took less than it was charged
  EXPECT_EQ(limiter.wait(400, 5), 0);
  EXPECT_NEAR(limiter.wait(1'000'000, 5), 56, 1e-6) << "more than a minute's: a full bucket must do";
}

TEST(RemotePacing, NoLimitNeverWaits) {
  RateLimiter limiter(0, 0, 0);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(limiter.wait(1'000'000'000, 0), 0);
    limiter.take(1'000'000'000, 0);
  }
}

TEST(RemotePacing, TheLoadGoesToTheServerWithTheFewestRequestsInFlight) {
  EndpointPool pool({"http://a/v1", "http://b/v1/", "https://c:8443/v1"}, {});
  EXPECT_EQ(pool.address(1), "http://b/v1");
  for (const std::size_t expected : {0U, 1U, 2U, 0U, 1U}) {
    const auto chosen = pool.choose(0);
    ASSERT_EQ(chosen, expected);
    pool.began(*chosen);
  }
  pool.succeeded(1);
  pool.succeeded(1);
  EXPECT_EQ(pool.choose(0), 1U) << "0 has two in flight, 2 has one";
}

TEST(RemotePacing, AFailingServerRestsLongerEachTimeAndIsTriedAgain) {
  EndpointPool pool({"http://a", "http://b"}, {.first_s = 4, .limit_s = 100});
  RandomStream random(1, "test");
  pool.began(1);  // 0 is the less busy one
  pool.began(0);
  pool.began(0);
  pool.failed(0, 10, 0, random);
  EXPECT_EQ(pool.wait(10), 0) << "the other one is awake";
  pool.failed(0, 10, 0, random);  // in flight with the first: the same failure
  EXPECT_EQ(pool.choose(11.9), 1U) << "at least half of 4 s";
  EXPECT_EQ(pool.choose(14.1), 0U) << "not longer than 4 s";
  EXPECT_EQ(pool.choose(14.1, 0U), 1U) << "a request that failed there goes elsewhere";
  pool.began(0);
  EXPECT_EQ(pool.choose(14.1), 1U) << "one request at a time";
  pool.failed(0, 20, 0, random);
  EXPECT_EQ(pool.choose(23.9), 1U) << "at least half of 8 s";
  pool.failed(1, 20, 50, random);
  EXPECT_EQ(pool.choose(23.9), std::nullopt) << "both rest";
  EXPECT_GT(pool.wait(23.9), 0);
  EXPECT_LT(pool.wait(23.9), 8);
  EXPECT_EQ(pool.choose(30), 0U);
  pool.began(0);
  pool.succeeded(0);
  pool.began(0);
  pool.failed(0, 40, 0, random);
  EXPECT_EQ(pool.choose(44.1), 0U) << "forgotten after a success";
}

TEST(RemotePacing, RefusesAddressesThatAreNone) {
  for (const char* wrong : {"", "host:8000", "ftp://host", "http://", "http:///v1", "http://host/v1?key=1",
                            "http://ho st", "http://host/#x", "https://:80"}) {
    EXPECT_THROW(normal_endpoint(wrong), UsageError) << wrong;
  }
  EXPECT_EQ(normal_endpoint(" http://host:8000/v1// "), "http://host:8000/v1");
  try {
    normal_endpoint("https://me:secret@host/v1");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("password"));
    EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
  }
  EXPECT_THROW(EndpointPool({}, {}), UsageError);
}

}  // namespace
}  // namespace llama4rec::llm
