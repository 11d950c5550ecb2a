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

/// Who is asked about whom.
struct AugmentationRequest {
  const RunModel* model = nullptr;         ///< that answers
  std::string stage = "augment";           ///< name in the store
  data::Task task = data::Task::kDirect;   ///< direct: pairs, sequential: insertions
  const InteractionSet* within = nullptr;  ///< what there is of the task's train part; null: all of it
};

/// The language model's answers for the users of the train part; `base` gives upper ranks and similar users.
Augmentation augment(SeedContext& context, const FittedTopK& base, const AugmentationRequest& request);

/// What a control puts in the place of the language model's answers.
enum class AnswersBy { kChance, kPopularity };
std::string to_string(AnswersBy by);  ///< "random", "popularity"

/// The same pairs ordered, or the same lists answered, by chance or popularity. Call it only after `augment` with the same `base`.
Augmentation answered_by(SeedContext& context, const FittedTopK& base, const Augmentation& augmentation, AnswersBy by);

/// The positives of `train` with what was added. `read_by_language_models` is behind the answers.
TopKTrainingData augmented_data(const RunSetup& setup, const InteractionSet& train, const Augmentation& augmentation,
                                const InteractionSet& read_by_language_models, const std::string& what);

}  // namespace llama4rec::pipeline
