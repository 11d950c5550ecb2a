#include "llm/remote/backoff.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <ctime>
#include <string>

#include "config/option_value.h"
#include "core/text.h"

namespace llama4rec::llm {

double Backoff::delay(std::int64_t repetition, RandomStream& random) const {
  constexpr std::int64_t kMostDoublings = 60;
  const auto doublings = static_cast<int>(std::clamp<std::int64_t>(repetition - 1, 0, kMostDoublings));
  const double most = std::min(limit_s, std::ldexp(first_s, doublings));
  return most * (0.5 + 0.5 * random.uniform());
}

std::optional<double> parse_retry_after(std::string_view value, double wall) {
  const auto trimmed = text::trim(value);
  if (trimmed.empty()) return std::nullopt;
  if (std::isdigit(static_cast<unsigned char>(trimmed.front())) != 0) {
    const auto seconds = config::parse_number(trimmed);
    return seconds && *seconds >= 0 ? seconds : std::nullopt;
  }
  // RFC 9110, 5.6.7: the preferred form and the two obsolete ones. strptime's names are those of the C locale, which this program keeps.
  const std::string date(trimmed);
  constexpr std::array<const char*, 3> kForms{"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                              "%a %b %d %H:%M:%S %Y"};
  for (const char* form : kForms) {
    std::tm moment{};
    const char* end = strptime(date.c_str(), form, &moment);
    if (end == nullptr || *end != '\0') continue;
    return std::max(0.0, static_cast<double>(timegm(&moment)) - wall);
  }
  return std::nullopt;
}

}  // namespace llama4rec::llm
