// The constants of Adam (Kingma and Ba, 2015) that every recommender trains with.
#pragma once

namespace llama4rec::recommenders {

inline constexpr double kBeta1 = 0.9;
inline constexpr double kBeta2 = 0.999;
inline constexpr float kEpsilon = 1e-8F;

}  // namespace llama4rec::recommenders
