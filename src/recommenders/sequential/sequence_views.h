// The augmentations of CL4SRec (Xie et al., Contrastive Learning for Sequential Recommendation, ICDE 2022, section III-C).
#pragma once

#include <cstdint>

#include "core/random.h"
#include "recommenders/sequential/sequence_batches.h"

namespace llama4rec::recommenders {

struct ViewRatios {
  double crop = 0.6;     ///< share of the items that stay
  double mask = 0.3;     ///< share of the items that are masked
  double reorder = 0.6;  ///< share of the items whose order is lost
};

/// A piece of floor(ratio * length) neighbouring items, at least one, from a uniform place.
Sequence cropped(const Sequence& sequence, double ratio, RandomStream& random);
/// floor(ratio * length) items of uniform places become `mask`.
Sequence masked(const Sequence& sequence, double ratio, std::int64_t mask, RandomStream& random);
/// A piece of floor(ratio * length) neighbouring items from a uniform place is shuffled.
Sequence reordered(const Sequence& sequence, double ratio, RandomStream& random);
/// One of the three, by lot.
Sequence random_view(const Sequence& sequence, const ViewRatios& ratios, std::int64_t mask, RandomStream& random);

}  // namespace llama4rec::recommenders
