// What a batch of training sequences teaches, as data: the models say it, the kernels compute its loss and gradient.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "recommenders/sequential/sequence_batches.h"
#include "tensor/parallel/share.h"

namespace llama4rec::recommenders {

/// Which positions a position sees.
enum class Sight { kPast, kEverything };

/// At `position` of the sequence `row` the state should tell `item`.
struct SequenceTarget {
  std::int64_t row = 0;
  std::int64_t position = 0;
  ItemIndex item = 0;
  ItemIndex other = -1;  ///< the negative, where the loss has one
};

/// Two views of every sequence that should agree with each other and not with the batch's other views (view_contrast.h).
struct SequenceContrast {
  std::vector<Sequence> first;
  std::vector<Sequence> second;
  std::uint64_t first_seed = 0;  ///< of the views' dropout
  std::uint64_t second_seed = 0;
  double weight = 0;
  double temperature = 1;
};

/// The loss is the mean over the targets of the cross-entropy of the softmax over all items, or, with negatives, of
/// -ln sigmoid(score of item) - ln sigmoid(-score of other); plus the contrast's weight times its loss.
struct SequenceLesson {
  Sight sight = Sight::kPast;
  std::uint64_t seed = 0;  ///< of the dropout of `inputs`
  std::vector<Sequence> inputs;
  std::vector<SequenceTarget> targets;  ///< at least one; ordered by row, then position
  bool negatives = false;
  std::optional<SequenceContrast> contrast;
  /// Of several processes that share out a batch: the rows of this one, whose part of the mean the kernels then compute, with the same dropout.
  /// None: all. Never beside a contrast, which couples all rows.
  std::optional<tensor::Share> own;
};

}  // namespace llama4rec::recommenders
