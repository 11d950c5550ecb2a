#include "aggregation/aggregation_options.h"

namespace llama4rec::aggregation {

void AggregationOptions::declare(config::OptionVisitor& visit) {
  visit.option(
      "aggregation.a1_choices", a1, config::between(0, 1),
      "Values of a1, the weight of the backbone for the users with the most interactions; chosen on validation.",
      "eq. 6");
  visit.option("aggregation.a2_choices", a2, config::between(0, 1),
               "Values of a2, the least weight of the backbone; chosen on validation.", "eq. 6");
  visit.option("aggregation.metric", metric, config::one_of({"H@3", "N@3", "H@5", "N@5", "H@10", "N@10", "MRR@10"}),
               "Validation metric that chooses a1 and a2 for top-k tasks; ratings use RMSE.", "IV-A5");
  visit.option(
      "aggregation.utility", utility, config::one_of({"position", "reciprocal", "probability", "score", "validation"}),
      "What a place is worth in the fusions of top-k tasks: position (the paper), reciprocal, probability "
      "(what the language "
      "model says where it ranks by the first place; positions elsewhere), score (the same, and the backbone's "
      "scores for its places) or the best of these on validation. Controls have the same choice, with their "
      "models' scores for probabilities.",
      "eq. 5");
  visit.option("aggregation.augmentations", augmentations, config::one_of({"both", "validation"}),
               "What the row Llama4Rec fuses: both (the paper: the refit on augmented data, asked about with augmented "
               "prompts), or what is "
               "best on validation of both, prompts alone, data alone and neither.",
               "Table VI");
}

}  // namespace llama4rec::aggregation
