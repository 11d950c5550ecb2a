#include "pipeline/rating_evaluation.h"

#include <chrono>

#include <llama4rec/error.h>

#include "pipeline/no_target.h"

namespace llama4rec::pipeline {

using data::Part;

RatingPart rating_part(const Dataset& dataset, const data::Split& split, Part part,
                       const evaluation::EvaluationOptions& options) {
  std::vector<bool> known(static_cast<std::size_t>(dataset.items()), false);
  for (const auto& history : split.train_histories()) {
    for (const ItemIndex item : history) known[static_cast<std::size_t>(item)] = true;
  }
  RatingPart result;
  for (UserIndex user = 0; user < dataset.users(); ++user) {
    const InteractionIndex held_out = part == Part::kTest ? split.test(user) : split.validation(user);
    if (held_out < 0) continue;
    const Interaction& it = dataset.interactions[static_cast<std::size_t>(held_out)];
    if (options.warm_only() && !known[static_cast<std::size_t>(it.item)]) continue;
    result.users.push_back(user);
    result.items.push_back(it.item);
    result.ratings.push_back(it.rating);
  }
  if (result.users.empty()) throw DataError(no_target(dataset, split, part, options));
  return result;
}

RatingEvaluation evaluate_rating(const RatingPredictor& model, const RatingPart& part) {
  const auto start = std::chrono::steady_clock::now();
  RatingEvaluation result;
  const torch::Tensor predictions = model.predict(part.users, part.items).contiguous();
  result.predictions.assign(predictions.data_ptr<float>(), predictions.data_ptr<float>() + predictions.numel());
  result.per_user = evaluation::rating_errors(result.predictions, part.ratings);
  result.metrics = evaluation::rating_metrics(result.per_user);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

RatingTrainingData rating_training_data(const Dataset& dataset, const data::Split& split, const std::string& what) {
  RatingTrainingData data{.users = dataset.users(),
                          .items = dataset.items(),
                          .rating_minimum = dataset.rating_minimum,
                          .rating_maximum = dataset.rating_maximum,
                          .examples = {},
                          .user_attributes = &dataset.user_attributes,
                          .item_attributes = &dataset.item_attributes,
                          .provenance = {.what = what, .interactions = split.members(Part::kTrain)}};
  for (UserIndex user = 0; user < dataset.users(); ++user) {
    for (const InteractionIndex index : split.train(user)) {
      const Interaction& it = dataset.interactions[static_cast<std::size_t>(index)];
      data.examples.push_back({.user = it.user, .item = it.item, .rating = it.rating});
    }
  }
  return data;
}

}  // namespace llama4rec::pipeline
