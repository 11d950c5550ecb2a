#include "llm/remote/endpoint_pool.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <tuple>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/text.h"

namespace llama4rec::llm {

std::string normal_endpoint(const std::string& address) {
  // An address that holds a password is not repeated in the message.
  if (address.find('@') != std::string::npos) {
    throw UsageError("llm.endpoints: an address holds a user name or password; keys come from llm.key_variable alone");
  }
  std::string normal(text::trim(address));
  while (normal.ends_with('/')) normal.pop_back();
  std::string_view rest = normal;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  }
  const bool has_scheme = rest.size() != normal.size();
  const bool clean = std::none_of(rest.begin(), rest.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '?' || c == '#' || c == '\\' || c == 0x7F;
  });
  if (!has_scheme || rest.empty() || rest.starts_with('/') || rest.starts_with(':') || !clean) {
    throw UsageError(
        fmt::format("llm.endpoints: found \"{}\", expected an address such as http://host:8000/v1", address));
  }
  return normal;
}

EndpointPool::EndpointPool(const std::vector<std::string>& addresses, const Backoff& rest) : rest_(rest) {
  if (addresses.empty()) throw UsageError("llm.endpoints: no address is given, such as http://host:8000/v1");
  for (const auto& address : addresses) endpoints_.push_back({.address = normal_endpoint(address)});
}

std::optional<std::size_t> EndpointPool::choose(double now, std::optional<std::size_t> avoid) const {
  std::optional<std::size_t> best;
  const auto rank = [&](std::size_t e) {
    return std::tuple(e == avoid, endpoints_[e].in_flight, endpoints_[e].chosen);
  };
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    const auto& it = endpoints_[i];
    if (it.rests_until > now || (it.failures > 0 && it.in_flight > 0)) continue;
    if (!best || rank(i) < rank(*best)) best = i;
  }
  return best;
}

double EndpointPool::wait(double now) const {
  double least = std::numeric_limits<double>::infinity();
  for (const auto& it : endpoints_) least = std::min(least, it.rests_until - now);
  return std::max(0.0, least);
}

void EndpointPool::began(std::size_t endpoint) {
  ++endpoints_[endpoint].in_flight;
  endpoints_[endpoint].chosen = ++choices_;
}

void EndpointPool::succeeded(std::size_t endpoint) {
  --endpoints_[endpoint].in_flight;
  endpoints_[endpoint].failures = 0;
}

void EndpointPool::refused(std::size_t endpoint) { --endpoints_[endpoint].in_flight; }

void EndpointPool::failed(std::size_t endpoint, double now, double least_rest, RandomStream& random) {
  auto& it = endpoints_[endpoint];
  --it.in_flight;
  // Requests that were in flight together fail together: that is one failure, not many.
  if (it.rests_until <= now) ++it.failures;
  it.rests_until =
      std::max(it.rests_until, now + std::max(least_rest, rest_.delay(std::max<std::int64_t>(1, it.failures), random)));
}

}  // namespace llama4rec::llm
