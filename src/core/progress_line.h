// The text of a progress bar.
#pragma once

#include <cstdint>
#include <string>

namespace llama4rec {

/// What a progress bar shows.
struct ProgressState {
  std::string label;
  std::string unit;
  std::string note;
  std::int64_t done = 0;
  std::int64_t total = 0;  ///< 0 = unknown
  double seconds = 0;      ///< since the start
};

/// One line of at most `width` columns: label, percent, bar, done/total, rate, time left, note.
std::string progress_line(const ProgressState& state, std::size_t width);

/// Seconds as "8s", "3m05s" or "2h07m".
std::string short_duration(double seconds);

}  // namespace llama4rec
