// Which interactions are held back from training as targets of instructions, and which text a language model may read.
#pragma once

#include <cstdint>
#include <vector>

#include <llama4rec/dataset.h>
#include <llama4rec/provenance.h>

#include "config/options.h"
#include "data/split.h"

namespace llama4rec::prompts {

struct FoldOptions {
  double held_back = 0.3;
  std::int64_t minimum_history = 3;
  void declare(config::OptionVisitor& visit);
};

/// A cut through every user's history: what lies before it is read in pre-training and by the out-of-fold recommenders, what
/// lies behind it are the instructions' targets. Both sides leave out the held-out union of all tasks.
struct InstructionFold {
  InteractionSet allowed;  ///< everything but the held-out union: what text may contain at all
  InteractionSet before;   ///< allowed, before the user's cut: pre-training text, out-of-fold training
  InteractionSet targets;  ///< allowed, from the user's cut on: the instructions' targets
};

/// Cuts at a random place: of a user's n allowed interactions, between 0 and `held_back` * n of the last ones become targets
/// (uniformly), and at least `minimum_history` stay before the cut.
InstructionFold draw_fold(const Dataset& dataset, const InteractionSet& held_out, const FoldOptions& options,
                          std::uint64_t seed);

}  // namespace llama4rec::prompts
