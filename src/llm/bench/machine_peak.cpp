#include "llm/bench/machine_peak.h"

#include "llm/bench/stopwatch.h"
#include "llm/engine/precision.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

namespace {

/// The best of `times` products of `rows` x `inner` by `inner` x `inner` numbers.
double best_rate(std::int64_t rows, std::int64_t inner, int times) {
  const torch::NoGradGuard no_grad;
  // Emulated, bfloat16 would be a hundredth of what the machine can do.
  const auto type = has_bfloat16() ? torch::kBFloat16 : torch::kFloat32;
  const auto a = torch::ones({rows, inner}, type);
  const auto b = torch::ones({inner, inner}, type);
  auto c = torch::empty({rows, inner}, a.options());
  const double operations = 2.0 * static_cast<double>(rows) * static_cast<double>(inner * inner);
  return operations / best_of(times, [&] { at::mm_out(c, a, b); });
}

}  // namespace

double measure_peak() { return best_rate(4096, 2048, 10); }

double estimate_peak() { return best_rate(1024, 1024, 5); }

}  // namespace llama4rec::llm
