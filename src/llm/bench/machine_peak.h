// The machine's limit, against which throughput is held.
#pragma once

namespace llama4rec::llm {

/// Operations per second of the best of 10 products of 4096 x 2048 by 2048 x 2048 numbers in bfloat16 (oneDNN), in
/// float32 where the CPU does not multiply bfloat16, with the threads at hand.
double measure_peak();
/// A quick look at the same: the best of a few smaller products, some hundredths of a second.
double estimate_peak();

}  // namespace llama4rec::llm
