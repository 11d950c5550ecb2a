#include "pipeline/ranking_cases.h"

#include "pipeline/candidates.h"
#include "pipeline/case_histories.h"

namespace llama4rec::pipeline {

using data::Phase;
using prompts::RatingCase;

void predict_ratings(const RatingPredictor& model, std::span<RatingCase* const> cases) {
  std::vector<UserIndex> users;
  std::vector<ItemIndex> items;
  for (const RatingCase* it : cases) {
    users.push_back(it->user);
    items.push_back(it->item);
  }
  if (users.empty()) return;
  const torch::Tensor predicted = model.predict(users, items).contiguous();
  const float* values = predicted.data_ptr<float>();
  for (std::size_t i = 0; i < cases.size(); ++i) cases[i]->predicted_rating = static_cast<double>(values[i]);
}

PhaseCases phase_cases(const RunSetup& setup, const data::LeakGuard& guard, Phase phase, const PhaseModels& models) {
  const Dataset& dataset = setup.dataset();
  const data::Split& task = setup.split_of(models.task.value_or(setup.task));
  guard.admit_recommender(phase, task, models.backbone->provenance());
  if (models.rating != nullptr) guard.admit_recommender(phase, task, models.rating->provenance());

  const InteractionSet train = models.within != nullptr ? *models.within : task.members(data::Part::kTrain);
  const InteractionSet without_held_out = models.within != nullptr ? *models.within : all_but_held_out(setup, task);
  InteractionSet own = without_held_out;
  if (phase == Phase::kTest) own |= task.members(data::Part::kValidation);
  const SimilarUsers similar(setup, task, without_held_out, *models.backbone, train);

  PhaseCases result{.phase = phase};
  std::vector<UserIndex> users;
  std::vector<std::vector<ItemIndex>> histories;
  std::vector<TracedHistory> rated;
  for (UserIndex user = 0; user < dataset.users(); ++user) {
    bool evaluated = !task.train(user).empty();
    if (phase == Phase::kValidation) evaluated = task.validation(user) >= 0;
    if (phase == Phase::kTest) evaluated = task.test(user) >= 0;
    if (!evaluated) continue;
    InteractionIndex end = dataset.size();
    if (phase == Phase::kValidation) end = task.validation(user);
    if (phase == Phase::kTest) end = task.test(user);
    // Liked items are exactly the task's train part (at test: and the validation item), wherever they stand in time.
    TracedHistory liked = history_of(setup, user, own, dataset.size());
    if (models.within != nullptr && liked.liked.empty()) continue;
    TracedHistory history = history_of(setup, user, own, end);
    history.liked = std::move(liked.liked);
    guard.admit_history(phase, task, user, liked.liked_provenance);
    guard.admit_history(phase, task, user, history.rated_provenance);
    users.push_back(user);
    histories.push_back(history.liked);
    rated.push_back(std::move(history));
  }
  const auto lists = best_unseen(*models.backbone, users, histories, histories, setup.prompts.candidates);
  for (std::size_t n = 0; n < users.size(); ++n) {
    const TracedHistory similar_history = similar.history(users[n], guard, phase);
    result.ranking.push_back({.user = users[n],
                              .target = -1,
                              .history = histories[n],
                              .ranked = lists[n].items,
                              .positives = {},
                              .similar_history = similar_history.liked});
    result.scores.emplace_back(lists[n].scores.begin(), lists[n].scores.end());
    if (models.rating == nullptr) continue;
    auto& cases = result.rating.emplace_back();
    for (const ItemIndex item : lists[n].items) {
      cases.push_back({.user = users[n],
                       .target = -1,
                       .history = rated[n].rated,
                       .item = item,
                       .rating = 0,
                       .similar_history = similar_history.rated,
                       .predicted_rating = 0});
    }
  }
  if (models.rating != nullptr) {
    std::vector<RatingCase*> pointers;
    for (auto& cases : result.rating) {
      for (auto& it : cases) pointers.push_back(&it);
    }
    predict_ratings(*models.rating, pointers);
  }
  return result;
}

}  // namespace llama4rec::pipeline
