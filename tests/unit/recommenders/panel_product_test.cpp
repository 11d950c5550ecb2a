#include <algorithm>
#include <ctime>
#include <tuple>

#include <gtest/gtest.h>

#include "recommenders/panel_product.h"
#include "tensor/torch.h"

namespace llama4rec::recommenders {
namespace {

using torch::Tensor;

/// Rows, depth, columns.
class PanelProductTest : public ::testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(PanelProductTest, EqualsLibtorchInEveryOrientation) {
  const auto [rows, depth, columns] = GetParam();
  torch::manual_seed(3);
  const Tensor left = torch::randn({rows, depth});
  const Tensor right = torch::randn({depth, columns});
  const Tensor expected = torch::mm(left.to(torch::kFloat64), right.to(torch::kFloat64));
  const Tensor left_turned = left.t().contiguous();
  const Tensor right_turned = right.t().contiguous();
  for (const bool turn_left : {false, true}) {
    for (const bool turn_right : {false, true}) {
      for (const bool add : {false, true}) {
        Panels panels;
        if (turn_right) {
          panels.pack(right_turned.data_ptr<float>(), depth, columns, 1, depth);
        } else {
          panels.pack(right.data_ptr<float>(), depth, columns, columns);
        }
        // Two values more per row: they must stay as they are.
        Tensor result = torch::full({rows, columns + 2}, 7.0F);
        const StridedMatrix view =
            turn_left ? StridedMatrix{.values = left_turned.data_ptr<float>(),
                                      .rows = rows,
                                      .row_stride = 1,
                                      .column_stride = rows}
                      : StridedMatrix{.values = left.data_ptr<float>(), .rows = rows, .row_stride = depth};
        panel_product(view, panels, result.data_ptr<float>(), columns + 2, add ? Accumulate::kYes : Accumulate::kNo);
        const auto difference = (result.narrow(1, 0, columns).to(torch::kFloat64) - expected - (add ? 7.0 : 0.0)).abs();
        if (rows > 0) {
          EXPECT_LT(difference.max().item<double>(), 1e-5 * (depth + 8));
        }
        EXPECT_TRUE(torch::equal(result.narrow(1, columns, 2), torch::full({rows, 2}, 7.0F)));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, PanelProductTest,
                         ::testing::Values(std::tuple(1, 1, 1), std::tuple(6, 64, 64), std::tuple(7, 3, 65),
                                           std::tuple(50, 50, 64), std::tuple(13, 64, 192), std::tuple(64, 1300, 17),
                                           std::tuple(5, 0, 9), std::tuple(0, 4, 9), std::tuple(11, 513, 130)));

/// Processor seconds of this thread, which other work on the machine does not count into.
double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// A compiler that has no registers for the kernel's vectors keeps them in memory: right, at a tenth of the speed.
TEST(PanelProduct, IsNotFarSlowerThanTheLibrary) {
#if defined(__SANITIZE_ADDRESS__) || !defined(NDEBUG)
  GTEST_SKIP() << "speed says nothing without optimisation or with sanitizers";
#endif
  const torch::NoGradGuard no_gradients;
  at::set_num_threads(1);
  constexpr std::int64_t kSide = 240;
  const Tensor left = torch::ones({kSide, kSide});
  const Tensor right = torch::ones({kSide, kSide});
  Tensor result = torch::empty({kSide, kSide});
  Panels panels;
  panels.pack(right.data_ptr<float>(), kSide, kSide, kSide);
  const StridedMatrix view{.values = left.data_ptr<float>(), .rows = kSide, .row_stride = kSide};
  double ours = 1e9;
  double library = 1e9;
  for (int i = 0; i < 20; ++i) {
    double start = processor_seconds();
    panel_product(view, panels, result.data_ptr<float>(), kSide, Accumulate::kNo);
    ours = std::min(ours, processor_seconds() - start);
    start = processor_seconds();
    at::mm_out(result, left, right);
    library = std::min(library, processor_seconds() - start);
  }
  EXPECT_LT(ours, 2.5 * library);
}

}  // namespace
}  // namespace llama4rec::recommenders
