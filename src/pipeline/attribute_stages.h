// Data augmentation of a rating backbone as stages of a run: attributes that the language model fills in (paper, III-B3).
#pragma once

#include <string>
#include <vector>

#include <llama4rec/recommender.h>

#include "augmentation/attribute_augmentation.h"
#include "pipeline/seed_context.h"

namespace llama4rec::pipeline {

/// The attributes of a run's items and users.
struct AttributeAugmentation {
  std::vector<augmentation::GeneratedAttribute> attributes;  ///< empty where augmentation.attributes is
  std::string key;                                           ///< for the stages that use them
  nlohmann::ordered_json summary;                            ///< "kind", "asked", "kept", "unanswered", "attributes"
};

/// Asks the plainly tuned model, which may see titles, attributes and the users' train part. The stage's folder keeps attributes.json, and
/// disagreements.csv where there are facts to compare with.
AttributeAugmentation fill_in_attributes(SeedContext& context);

/// The attribute tables of a data set with generated columns, which training data points to.
struct AugmentedTables {
  AttributeTable users;
  AttributeTable items;
};
AugmentedTables with_attributes(const Dataset& dataset, const AttributeAugmentation& augmentation);

/// Base's training data with other tables; they have to outlive it.
RatingTrainingData augmented_ratings(const RunSetup& setup, const AugmentedTables& tables,
                                     const InteractionSet& read_by_language_models, const std::string& what);

}  // namespace llama4rec::pipeline
