// Small symmetric positive definite systems.
#pragma once

#include <cstdint>
#include <vector>

namespace llama4rec::recommenders {

/// Solves A x = b by Cholesky's decomposition. `matrix` is [size, size] row-major, its lower triangle is read and replaced by the
/// factor; `right` is b on entry and x on return. False where A is not positive definite; `right` is then undefined.
bool solve_positive_definite(std::int64_t size, std::vector<double>& matrix, std::vector<double>& right);

}  // namespace llama4rec::recommenders
