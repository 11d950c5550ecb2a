#include "pipeline/top_k_evaluation.h"

#include <algorithm>
#include <chrono>

#include <llama4rec/error.h>

#include "pipeline/candidates.h"
#include "pipeline/no_target.h"

namespace llama4rec::pipeline {

using data::Part;
using recommenders::RecommenderKind;

TopKPart top_k_part(const Dataset& dataset, const data::Split& split, Part part, RecommenderKind kind,
                    const evaluation::EvaluationOptions& options) {
  if (part != Part::kValidation && part != Part::kTest) {
    throw InternalError("evaluation: only the validation and the test part have targets");
  }
  const auto histories = split.train_histories();
  std::vector<bool> known(static_cast<std::size_t>(dataset.items()), false);
  for (const auto& history : histories) {
    for (const ItemIndex item : history) known[static_cast<std::size_t>(item)] = true;
  }
  const auto item_of = [&](InteractionIndex index) {
    return dataset.interactions[static_cast<std::size_t>(index)].item;
  };
  TopKPart result;
  for (UserIndex user = 0; user < dataset.users(); ++user) {
    const InteractionIndex held_out = part == Part::kTest ? split.test(user) : split.validation(user);
    if (held_out < 0) continue;
    const ItemIndex target = item_of(held_out);
    const bool warm = known[static_cast<std::size_t>(target)];
    if (!warm && options.warm_only()) continue;
    std::vector<ItemIndex> input = histories[static_cast<std::size_t>(user)];
    if (part == Part::kTest && options.textbook() && split.validation(user) >= 0) {
      input.push_back(item_of(split.validation(user)));
    }
    const bool nothing_masked = !options.textbook() && kind == RecommenderKind::kSequential;
    result.users.push_back(user);
    result.targets.push_back(warm ? target : -1);
    result.masked.push_back(nothing_masked ? std::vector<ItemIndex>{} : input);
    result.inputs.push_back(std::move(input));
  }
  if (result.users.empty()) throw DataError(no_target(dataset, split, part, options));
  return result;
}

TopKEvaluation evaluate_top_k(const TopKRecommender& model, const TopKPart& part,
                              const std::vector<std::int64_t>& cutoffs) {
  const auto start = std::chrono::steady_clock::now();
  TopKEvaluation result;
  result.lists =
      best_unseen(model, part.users, part.inputs, part.masked, *std::max_element(cutoffs.begin(), cutoffs.end()));
  std::vector<std::vector<ItemIndex>> items;
  items.reserve(result.lists.size());
  for (const auto& list : result.lists) items.push_back(list.items);
  result.per_user = evaluation::top_k_metrics(items, part.targets, cutoffs);
  result.metrics = evaluation::means(result.per_user);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

TopKTrainingData training_data(const Dataset& dataset, const data::Split& split, const std::string& what) {
  return {.users = dataset.users(),
          .items = dataset.items(),
          .histories = split.train_histories(),
          .pairs = {},
          .provenance = {.what = what, .interactions = split.members(Part::kTrain)}};
}

}  // namespace llama4rec::pipeline
