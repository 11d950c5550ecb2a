#include "pipeline/case_histories.h"

#include <algorithm>

#include "augmentation/similar_users.h"

namespace llama4rec::pipeline {

InteractionSet usable_interactions(const RunSetup& setup) {
  InteractionSet usable(setup.dataset().size());
  for (InteractionIndex i = 0; i < setup.dataset().size(); ++i) {
    const auto& parts = setup.loaded.explicit_parts;
    if (!parts || (*parts)[static_cast<std::size_t>(i)] != data::Part::kUnused) usable.insert(i);
  }
  return usable;
}

InteractionSet all_but_held_out(const RunSetup& setup, const data::Split& task) {
  InteractionSet admitted = usable_interactions(setup);
  admitted -= task.members(data::Part::kValidation);
  admitted -= task.members(data::Part::kTest);
  return admitted;
}

TracedHistory history_of(const RunSetup& setup, UserIndex user, const InteractionSet& admitted, InteractionIndex end) {
  const Dataset& dataset = setup.dataset();
  TracedHistory history;
  history.liked_provenance = {.what = "history of liked items", .interactions = InteractionSet(dataset.size())};
  history.rated_provenance = {.what = "rating history", .interactions = InteractionSet(dataset.size())};
  const InteractionIndex last = std::min(end, dataset.user_offsets[static_cast<std::size_t>(user) + 1]);
  for (InteractionIndex i = dataset.user_offsets[static_cast<std::size_t>(user)]; i < last; ++i) {
    if (!admitted.contains(i)) continue;
    const Interaction& it = dataset.interactions[static_cast<std::size_t>(i)];
    history.rated.push_back({.item = it.item, .rating = it.rating});
    history.rated_provenance.interactions.insert(i);
    if (it.rating < setup.loaded.positive_threshold) continue;
    history.liked.push_back(it.item);
    history.liked_provenance.interactions.insert(i);
  }
  return history;
}

SimilarUsers::SimilarUsers(const RunSetup& setup, const data::Split& task, const InteractionSet& admitted)
    : setup_(&setup), task_(&task), admitted_(&admitted) {}

SimilarUsers::SimilarUsers(const RunSetup& setup, const data::Split& task, const InteractionSet& admitted,
                           const TopKRecommender& model, const InteractionSet& fit_on)
    : SimilarUsers(setup, task, admitted) {
  std::vector<UserIndex> users;
  std::vector<std::vector<ItemIndex>> histories;
  std::vector<bool> eligible;
  for (UserIndex user = 0; user < setup.dataset().users(); ++user) {
    users.push_back(user);
    histories.push_back(history_of(setup, user, fit_on, setup.dataset().size()).liked);
    eligible.push_back(!histories.back().empty());
  }
  const torch::Tensor embeddings = model.user_embeddings(users, histories);
  if (embeddings.defined()) nearest_ = augmentation::most_similar(embeddings, eligible);
}

SimilarUsers::SimilarUsers(const RunSetup& setup, const data::Split& task, const InteractionSet& admitted,
                           const RatingPredictor& model, const InteractionSet& fit_on)
    : SimilarUsers(setup, task, admitted) {
  std::vector<UserIndex> users;
  std::vector<bool> eligible;
  for (UserIndex user = 0; user < setup.dataset().users(); ++user) {
    users.push_back(user);
    eligible.push_back(!history_of(setup, user, fit_on, setup.dataset().size()).rated.empty());
  }
  const torch::Tensor embeddings = model.user_embeddings(users);
  if (embeddings.defined()) nearest_ = augmentation::most_similar(embeddings, eligible);
}

UserIndex SimilarUsers::of(UserIndex user) const {
  return nearest_.empty() ? -1 : static_cast<UserIndex>(nearest_[static_cast<std::size_t>(user)]);
}

TracedHistory SimilarUsers::history(UserIndex user, const data::LeakGuard& guard, data::Phase phase) const {
  const UserIndex similar = of(user);
  if (similar < 0) {
    const Provenance nobody{.what = "nobody", .interactions = InteractionSet(setup_->dataset().size())};
    return {.liked = {}, .rated = {}, .liked_provenance = nobody, .rated_provenance = nobody};
  }
  TracedHistory history = history_of(*setup_, similar, *admitted_, setup_->dataset().size());
  guard.admit_similar_history(phase, *task_, similar, history.liked_provenance);
  guard.admit_similar_history(phase, *task_, similar, history.rated_provenance);
  return history;
}

}  // namespace llama4rec::pipeline
