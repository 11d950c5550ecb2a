#include "core/progress_line.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/text.h"

namespace llama4rec {
namespace {

constexpr std::size_t kBarWidth = 20;

std::string bar(double fraction) {
  const auto filled = static_cast<std::size_t>(std::floor(fraction * kBarWidth));
  return "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "]";
}

std::string rate_text(double rate) {
  if (rate >= 1000) return text::with_thousands(std::llround(rate));
  return rate >= 10 ? fmt::format("{:.0f}", rate) : fmt::format("{:.2f}", rate);
}

// Cuts at a width counted in code points, never inside of one.
std::string cut(const std::string& line, std::size_t width) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool starts = (static_cast<unsigned char>(line[i]) & 0xC0U) != 0x80U;
    if (starts && columns++ == width) return line.substr(0, i);
  }
  return line;
}

}  // namespace

std::string short_duration(double seconds) {
  const auto whole = static_cast<long long>(std::llround(std::clamp(seconds, 0.0, 1e9)));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
}

std::string progress_line(const ProgressState& state, std::size_t width) {
  std::string line = state.label;
  const double rate = state.seconds > 0 ? static_cast<double>(state.done) / state.seconds : 0;
  if (state.total > 0) {
    const double fraction = std::clamp(static_cast<double>(state.done) / static_cast<double>(state.total), 0.0, 1.0);
    line += fmt::format(" {:3.0f}% {} {}/{}", std::floor(fraction * 100), bar(fraction),
                        text::with_thousands(state.done), text::with_thousands(state.total));
  } else {
    line += " " + text::with_thousands(state.done);
  }
  if (rate > 0) line += fmt::format(", {} {}/s", rate_text(rate), state.unit);
  if (rate > 0 && state.total > state.done) {
    line += fmt::format(", {} left", short_duration(static_cast<double>(state.total - state.done) / rate));
  }
  if (!state.note.empty()) line += ", " + state.note;
  return cut(line, width);
}

}  // namespace llama4rec
