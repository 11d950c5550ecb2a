// Data augmentation of a top-k backbone as stages of a run: pairs for direct recommendation, insertions for sequential (paper, III-B).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <llama4rec/recommender.h>

#include "augmentation/preference_pairs.h"
#include "augmentation/sequence_insertions.h"
#include "pipeline/seed_context.h"

namespace llama4rec::pipeline {

/// What was added to a backbone's training data; pairs or insertions, as its task has them.
struct Augmentation {
  std::vector<PreferencePair> pairs;
  std::vector<augmentation::Insertion> insertions;
  std::string key;  ///< for the stages that use it
  nlohmann::ordered_json
      summary;  ///< "kind", "asked", "kept", "unanswered"; of pairs "disagreed" and "first_shown_preferred"
};

/// The language model's answers for the users of the train part; `base` gives upper ranks and similar users.
Augmentation augment(SeedContext& context, const FittedTopK& base);

/// What a control puts in the place of the language model's answers.
enum class AnswersBy { kChance, kPopularity };
std::string to_string(AnswersBy by);  ///< "random", "popularity"

/// The same pairs ordered, or the same lists answered, by chance or popularity. Call it only after `augment` with the same `base`.
Augmentation answered_by(SeedContext& context, const FittedTopK& base, const Augmentation& augmentation, AnswersBy by);

/// Base's training data with what was added.
TopKTrainingData augmented_data(const RunSetup& setup, const Augmentation& augmentation,
                                const InteractionSet& read_by_language_models, const std::string& what);

}  // namespace llama4rec::pipeline
