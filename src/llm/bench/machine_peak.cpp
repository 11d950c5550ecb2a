#include "llm/bench/machine_peak.h"

#include "llm/bench/stopwatch.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

double measure_peak() {
  const torch::NoGradGuard no_grad;
  const auto a = torch::randn({4096, 2048}).to(torch::kBFloat16);
  const auto b = torch::randn({2048, 2048}).to(torch::kBFloat16);
  auto c = torch::empty({4096, 2048}, a.options());
  return 2.0 * 4096 * 2048 * 2048 / best_of(10, [&] { at::mm_out(c, a, b); });
}

}  // namespace llama4rec::llm
