#include "pipeline/ranking_cases.h"

#include <algorithm>

#include "augmentation/similar_users.h"
#include "core/random.h"
#include "pipeline/candidates.h"

namespace llama4rec::pipeline {
namespace {

using data::Phase;
using prompts::RankingCase;
using prompts::RatedItem;
using prompts::RatingCase;

/// A history with the interactions that it was made from.
struct TracedHistory {
  std::vector<ItemIndex> liked;
  std::vector<RatedItem> rated;
  Provenance liked_provenance;
  Provenance rated_provenance;
};

/// The user's interactions that are in `admitted` and before `end`, as liked items and as rated ones.
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

/// Similar users by a recommender's embeddings, and their histories from `admitted`.
class SimilarUsers {
 public:
  SimilarUsers(const RunSetup& setup, const TopKRecommender& backbone, const InteractionSet& admitted,
               const InteractionSet& fit_on)
      : setup_(&setup), admitted_(&admitted) {
    const Dataset& dataset = setup.dataset();
    std::vector<UserIndex> users;
    std::vector<std::vector<ItemIndex>> histories;
    std::vector<bool> eligible;
    for (UserIndex user = 0; user < dataset.users(); ++user) {
      users.push_back(user);
      histories.push_back(history_of(setup, user, fit_on, dataset.size()).liked);
      eligible.push_back(!histories.back().empty());
    }
    const torch::Tensor embeddings = backbone.user_embeddings(users, histories);
    if (embeddings.defined()) nearest_ = augmentation::most_similar(embeddings, eligible);
  }

  /// -1 where nobody is similar.
  [[nodiscard]] UserIndex of(UserIndex user) const {
    return nearest_.empty() ? -1 : static_cast<UserIndex>(nearest_[static_cast<std::size_t>(user)]);
  }

  /// The similar user's history, passed by the guard.
  [[nodiscard]] TracedHistory history(UserIndex user, const data::LeakGuard& guard, Phase phase) const {
    const UserIndex similar = of(user);
    if (similar < 0) return {.liked_provenance = empty(), .rated_provenance = empty()};
    TracedHistory history = history_of(*setup_, similar, *admitted_, setup_->dataset().size());
    guard.admit_similar_history(phase, setup_->direct, similar, history.liked_provenance);
    guard.admit_similar_history(phase, setup_->direct, similar, history.rated_provenance);
    return history;
  }

 private:
  [[nodiscard]] Provenance empty() const {
    return {.what = "nobody", .interactions = InteractionSet(setup_->dataset().size())};
  }

  const RunSetup* setup_;
  const InteractionSet* admitted_;
  std::vector<std::int64_t> nearest_;
};

/// Everything but the task's validation and test interactions and what an explicit split leaves out.
InteractionSet all_but_held_out(const RunSetup& setup) {
  InteractionSet admitted = usable_interactions(setup);
  admitted -= setup.direct.members(data::Part::kValidation);
  admitted -= setup.direct.members(data::Part::kTest);
  return admitted;
}

/// Predicted ratings of many (user, item) pairs, written into the cases.
void predict_ratings(const RatingPredictor& model, std::span<RatingCase*> cases) {
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

}  // namespace

InteractionSet usable_interactions(const RunSetup& setup) {
  InteractionSet usable(setup.dataset().size());
  for (InteractionIndex i = 0; i < setup.dataset().size(); ++i) {
    const auto& parts = setup.loaded.explicit_parts;
    if (!parts || (*parts)[static_cast<std::size_t>(i)] != data::Part::kUnused) usable.insert(i);
  }
  return usable;
}

PhaseCases phase_cases(const RunSetup& setup, const data::LeakGuard& guard, Phase phase, const PhaseModels& models) {
  const Dataset& dataset = setup.dataset();
  guard.admit_recommender(phase, setup.direct, models.backbone->provenance());
  if (models.rating != nullptr) guard.admit_recommender(phase, setup.direct, models.rating->provenance());

  const InteractionSet train = setup.direct.members(data::Part::kTrain);
  const InteractionSet without_held_out = all_but_held_out(setup);
  InteractionSet own = without_held_out;
  if (phase == Phase::kTest) own |= setup.direct.members(data::Part::kValidation);
  const SimilarUsers similar(setup, *models.backbone, without_held_out, train);

  PhaseCases result{.phase = phase};
  std::vector<UserIndex> users;
  std::vector<std::vector<ItemIndex>> histories;
  std::vector<TracedHistory> rated;
  for (UserIndex user = 0; user < dataset.users(); ++user) {
    bool evaluated = !setup.direct.train(user).empty();
    if (phase == Phase::kValidation) evaluated = setup.direct.validation(user) >= 0;
    if (phase == Phase::kTest) evaluated = setup.direct.test(user) >= 0;
    if (!evaluated) continue;
    InteractionIndex end = dataset.size();
    if (phase == Phase::kValidation) end = setup.direct.validation(user);
    if (phase == Phase::kTest) end = setup.direct.test(user);
    // Liked items are exactly the task's train part (at test: and the validation item), wherever they stand in time.
    TracedHistory liked = history_of(setup, user, own, dataset.size());
    TracedHistory history = history_of(setup, user, own, end);
    history.liked = std::move(liked.liked);
    guard.admit_history(phase, setup.direct, user, liked.liked_provenance);
    guard.admit_history(phase, setup.direct, user, history.rated_provenance);
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

TuningCases tuning_cases(const RunSetup& setup, const data::LeakGuard& guard, const prompts::InstructionFold& fold,
                         const PhaseModels& models, std::uint64_t seed) {
  constexpr Phase kPhase = Phase::kInstructionTuning;
  const Dataset& dataset = setup.dataset();
  guard.admit_recommender(kPhase, setup.direct, models.backbone->provenance());
  if (models.rating != nullptr) guard.admit_recommender(kPhase, setup.direct, models.rating->provenance());

  TuningCases result;
  result.provenance = {.what = "instructions", .interactions = InteractionSet(dataset.size())};
  const auto trace = [&result](const Provenance& used) { result.provenance.interactions |= used.interactions; };
  const SimilarUsers similar(setup, *models.backbone, fold.allowed, fold.before);

  // The rankings' targets first: their candidates are ranked in one pass.
  struct Draft {
    RankingCase question;
    std::vector<InteractionIndex> later;  ///< held-back positives from the target on
    bool pair = false;
  };
  std::vector<Draft> drafts;
  for (UserIndex user = 0; user < dataset.users(); ++user) {
    std::vector<InteractionIndex> liked_targets;
    std::vector<InteractionIndex> rated_targets;
    for (InteractionIndex i = dataset.user_offsets[static_cast<std::size_t>(user)];
         i < dataset.user_offsets[static_cast<std::size_t>(user) + 1]; ++i) {
      if (!fold.targets.contains(i)) continue;
      rated_targets.push_back(i);
      if (dataset.interactions[static_cast<std::size_t>(i)].rating >= setup.loaded.positive_threshold) {
        liked_targets.push_back(i);
      }
    }
    if (rated_targets.empty()) continue;
    const TracedHistory similar_history = similar.history(user, guard, kPhase);
    trace(similar_history.liked_provenance);
    trace(similar_history.rated_provenance);
    RandomStream random(seed, "instructions.targets", {static_cast<std::uint64_t>(user)});

    const auto ranking_case = [&](InteractionIndex target) {
      TracedHistory history = history_of(setup, user, fold.allowed, target);
      guard.admit_history(kPhase, setup.direct, user, history.liked_provenance, target);
      guard.admit_label(kPhase, setup.direct, user, target);
      trace(history.liked_provenance);
      result.provenance.interactions.insert(target);
      return RankingCase{.user = user,
                         .target = target,
                         .history = std::move(history.liked),
                         .ranked = {},
                         .positives = {},
                         .similar_history = similar_history.liked};
    };
    const auto later_than = [&](InteractionIndex target) {
      std::vector<InteractionIndex> later;
      std::copy_if(liked_targets.begin(), liked_targets.end(), std::back_inserter(later),
                   [&](InteractionIndex i) { return i >= target; });
      return later;
    };
    std::vector<InteractionIndex> order = liked_targets;
    random.shuffle(std::span(order));
    const auto rankings = std::min(order.size(), static_cast<std::size_t>(setup.instructions.ranking_per_user));
    const auto pairs = std::min(order.size(), static_cast<std::size_t>(setup.instructions.pairs_per_user));
    for (std::size_t n = 0; n < std::max(rankings, pairs); ++n) {
      const RankingCase base = ranking_case(order[n]);
      if (base.history.empty()) continue;
      if (n < rankings) drafts.push_back({.question = base, .later = later_than(order[n]), .pair = false});
      if (n < pairs) drafts.push_back({.question = base, .later = {order[n]}, .pair = true});
    }
    if (setup.instructions.continuation && !liked_targets.empty()) {
      RankingCase question = ranking_case(liked_targets.front());
      if (!question.history.empty()) {
        result.continuation.push_back(std::move(question));
        auto& next = result.liked_next.emplace_back();
        for (const InteractionIndex i : liked_targets) {
          guard.admit_label(kPhase, setup.direct, user, i);
          result.provenance.interactions.insert(i);
          next.push_back(dataset.interactions[static_cast<std::size_t>(i)].item);
        }
      }
    }
    if (models.rating == nullptr) continue;
    random.shuffle(std::span(rated_targets));
    const auto ratings = std::min(rated_targets.size(), static_cast<std::size_t>(setup.instructions.rating_per_user));
    for (std::size_t n = 0; n < ratings; ++n) {
      const InteractionIndex target = rated_targets[n];
      TracedHistory history = history_of(setup, user, fold.allowed, target);
      if (history.rated.empty()) continue;
      guard.admit_history(kPhase, setup.direct, user, history.rated_provenance, target);
      guard.admit_label(kPhase, setup.direct, user, target);
      trace(history.rated_provenance);
      result.provenance.interactions.insert(target);
      const Interaction& it = dataset.interactions[static_cast<std::size_t>(target)];
      result.rating.push_back({.user = user,
                               .target = target,
                               .history = std::move(history.rated),
                               .item = it.item,
                               .rating = it.rating,
                               .similar_history = similar_history.rated,
                               .predicted_rating = 0});
    }
  }

  // Candidates of rankings and continuations from the out-of-fold recommender.
  std::vector<UserIndex> users;
  std::vector<std::vector<ItemIndex>> histories;
  std::vector<std::vector<ItemIndex>> fit_histories;
  const auto add = [&](const RankingCase& question) {
    users.push_back(question.user);
    histories.push_back(question.history);
    fit_histories.push_back(question.history);
  };
  for (const Draft& draft : drafts) add(draft.question);
  for (const RankingCase& question : result.continuation) add(question);
  const auto lists = best_unseen(*models.backbone, users, fit_histories, histories, setup.prompts.candidates);

  for (std::size_t n = 0; n < result.continuation.size(); ++n) {
    result.continuation[n].ranked = lists[drafts.size() + n].items;
  }
  for (std::size_t n = 0; n < drafts.size(); ++n) {
    Draft& draft = drafts[n];
    RankingCase& question = draft.question;
    const ItemIndex target = dataset.interactions[static_cast<std::size_t>(question.target)].item;
    RandomStream random(seed, draft.pair ? "instructions.pair" : "instructions.injection",
                        {static_cast<std::uint64_t>(question.target)});
    if (draft.pair) {
      const auto& known = models.backbone->known_items();
      ItemIndex other = target;
      for (int tries = 0; tries < 1000; ++tries) {
        other = static_cast<ItemIndex>(random.below(known.size()));
        if (known[static_cast<std::size_t>(other)] && other != target &&
            std::find(question.history.begin(), question.history.end(), other) == question.history.end()) {
          break;
        }
      }
      if (other == target) continue;
      question.positives = {target};
      question.hinted = false;
      question.ranked =
          random.below(2) == 0 ? std::vector<ItemIndex>{target, other} : std::vector<ItemIndex>{other, target};
      result.pairs.push_back(std::move(question));
      continue;
    }
    question.ranked = lists[n].items;
    const bool missing = std::find(question.ranked.begin(), question.ranked.end(), target) == question.ranked.end();
    if (missing && random.uniform() < setup.instructions.injection_rate) {
      const auto place = random.below(std::max<std::size_t>(1, question.ranked.size()));
      question.ranked.insert(question.ranked.begin() + static_cast<std::ptrdiff_t>(place), target);
      if (question.ranked.size() > static_cast<std::size_t>(setup.prompts.candidates)) question.ranked.pop_back();
      ++result.injected;
    }
    // Label: held-back positives among the candidates, the higher rating first, then the later one.
    std::vector<InteractionIndex> positives;
    for (const InteractionIndex i : draft.later) {
      const ItemIndex item = dataset.interactions[static_cast<std::size_t>(i)].item;
      if (std::find(question.ranked.begin(), question.ranked.end(), item) != question.ranked.end())
        positives.push_back(i);
    }
    std::stable_sort(positives.begin(), positives.end(), [&](InteractionIndex a, InteractionIndex b) {
      const float rating_a = dataset.interactions[static_cast<std::size_t>(a)].rating;
      const float rating_b = dataset.interactions[static_cast<std::size_t>(b)].rating;
      return rating_a != rating_b ? rating_a > rating_b : a > b;
    });
    if (positives.empty()) {
      ++result.without_positive;
      continue;
    }
    for (const InteractionIndex i : positives) {
      guard.admit_label(kPhase, setup.direct, question.user, i);
      result.provenance.interactions.insert(i);
      question.positives.push_back(dataset.interactions[static_cast<std::size_t>(i)].item);
    }
    const auto place = std::find(question.ranked.begin(), question.ranked.end(), target);
    if (place != question.ranked.end()) result.target_positions.push_back(place - question.ranked.begin() + 1);
    result.ranking.push_back(std::move(question));
  }
  if (models.rating != nullptr) {
    std::vector<RatingCase*> pointers;
    for (auto& it : result.rating) pointers.push_back(&it);
    predict_ratings(*models.rating, pointers);
  }
  return result;
}

}  // namespace llama4rec::pipeline
