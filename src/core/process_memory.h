// How much memory this process takes.
#pragma once

#include <cstdint>

namespace llama4rec {

/// The largest resident set so far, in bytes; 0 where the system does not tell.
std::int64_t peak_resident_bytes();
/// Counts the peak from now on, where the system can.
void restart_peak_resident();

}  // namespace llama4rec
