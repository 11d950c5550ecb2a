// How much memory this process takes.
#pragma once

#include <cstdint>

namespace llama4rec {

/// The largest resident set so far, in bytes; 0 where the system does not tell.
std::int64_t peak_resident_bytes();
/// Gives memory that is free but kept by the allocator back to the system.
void release_free_memory();
/// Counts the peak from now on, where the system can.
void restart_peak_resident();

}  // namespace llama4rec
