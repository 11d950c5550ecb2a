#include "pipeline/rating_cases.h"

#include "pipeline/case_histories.h"
#include "pipeline/ranking_cases.h"

namespace llama4rec::pipeline {
namespace {

InteractionIndex held_out(const data::Split& task, data::Phase phase, UserIndex user) {
  return phase == data::Phase::kTest ? task.test(user) : task.validation(user);
}

}  // namespace

RatingPhaseCases rating_phase_cases(const RunSetup& setup, const data::LeakGuard& guard, data::Phase phase,
                                    const RatingPredictor& backbone) {
  const data::Split& task = setup.rating;
  guard.admit_recommender(phase, task, backbone.provenance());
  const InteractionSet train = task.members(data::Part::kTrain);
  InteractionSet own = train;
  if (phase == data::Phase::kTest) own |= task.members(data::Part::kValidation);
  const SimilarUsers similar(setup, task, train, backbone, train);

  RatingPhaseCases result{.phase = phase};
  for (UserIndex user = 0; user < setup.dataset().users(); ++user) {
    const InteractionIndex target = held_out(task, phase, user);
    if (target < 0) continue;
    TracedHistory history = history_of(setup, user, own, setup.dataset().size());
    guard.admit_history(phase, task, user, history.rated_provenance);
    result.cases.push_back({.user = user,
                            .target = -1,
                            .history = std::move(history.rated),
                            .item = setup.dataset().interactions[static_cast<std::size_t>(target)].item,
                            .rating = 0,
                            .similar_history = similar.history(user, guard, phase).rated,
                            .predicted_rating = 0});
  }
  std::vector<prompts::RatingCase*> pointers;
  for (auto& it : result.cases) pointers.push_back(&it);
  predict_ratings(backbone, pointers);
  return result;
}

std::vector<double> rating_labels(const RunSetup& setup, const data::LeakGuard& guard, const RatingPhaseCases& cases) {
  std::vector<double> ratings;
  for (const auto& it : cases.cases) {
    const InteractionIndex label = held_out(setup.rating, cases.phase, it.user);
    guard.admit_label(cases.phase, setup.rating, it.user, label);
    ratings.push_back(setup.dataset().interactions[static_cast<std::size_t>(label)].rating);
  }
  return ratings;
}

}  // namespace llama4rec::pipeline
