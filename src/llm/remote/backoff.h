// How long to wait before a request is sent again.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/random.h"

namespace llama4rec::llm {

/// Exponential back-off: the n-th repetition waits between half and all of min(limit, first * 2^(n-1)) seconds. The jitter keeps
/// many clients of one server apart.
struct Backoff {
  double first_s = 1;
  double limit_s = 60;
  /// `repetition` counts from 1.
  [[nodiscard]] double delay(std::int64_t repetition, RandomStream& random) const;
};

/// Seconds that a Retry-After header asks for: a number of seconds (a fraction is understood) or an HTTP date, held against
/// `wall` (seconds since 1970). A date that is past: 0. Nothing where it is neither.
std::optional<double> parse_retry_after(std::string_view value, double wall);

}  // namespace llama4rec::llm
