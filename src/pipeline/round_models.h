// Iterated mutual augmentation (run.rounds): the language models of every round after the first, and the out-of-fold recommenders
// behind their instructions, which were refit on the answers of the round before.
//
// An instruction's candidates, hints and similar users must come from a recommender that has never seen its target, also not through
// the answers of a language model that it was refit on. So the fold's users are halved anew in every round; for each half everything before is
// repeated without that half's targets (cross-fitting): a language model of the round before that never read them, its answers, a refit on
// them. That recommender serves the half's instructions. The leak guard holds the provenance of each of them against the half.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "pipeline/augmentation_stages.h"
#include "pipeline/seed_context.h"

namespace llama4rec::pipeline {

/// Cuts the targets into those of one half of their users and those of the other; drawn for the round. DataError where fewer than two users
/// have any.
std::array<InteractionSet, 2> halves_of_targets(const Dataset& dataset, const InteractionSet& targets,
                                                std::int64_t round, std::uint64_t seed);

/// Part of the names of a round's stages: nothing for the first, "-round-2".
std::string round_suffix(std::int64_t round);

class RoundModels {
 public:
  /// `context` must outlive this object and have made its language models.
  explicit RoundModels(SeedContext& context);

  /// The language model of a round from 1 on. The first round's, and all where nothing is tuned, are the context's.
  const RunModel& tuned(std::int64_t round, bool augmented);
  /// The model of a round that is asked for data augmentation (augmentation.prompts).
  const RunModel& augmenting(std::int64_t round);

 private:
  /// A part of the fold's targets that nothing made for it may have seen.
  struct Unseen {
    InteractionSet targets;
    std::string
        name;  ///< "3a.2b": within the first half of round 3 the second one of round 2; empty: nothing is left out
  };

  const RunModel& model(std::int64_t round, bool augmented, const Unseen& unseen);
  const FittedTopK& backbone(const std::string& recommender, std::int64_t round, const Unseen& unseen);
  [[nodiscard]] TuningFit first_round(const Unseen& unseen) const;
  [[nodiscard]] TuningFit later_round(std::int64_t round, const Unseen& unseen);
  [[nodiscard]] data::LeakGuard guard_of(const InteractionSet& targets) const;
  [[nodiscard]] InteractionSet allowed_without(const Unseen& unseen) const;

  SeedContext& context_;
  std::map<std::string, RunModel> models_;  ///< by what decides them
  std::map<std::string, FittedTopK> backbones_;
};

}  // namespace llama4rec::pipeline
