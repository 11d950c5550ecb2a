#include "pipeline/tuning_cases.h"

#include <algorithm>
#include <iterator>

#include <llama4rec/error.h>

#include "core/random.h"
#include "pipeline/candidates.h"
#include "pipeline/case_histories.h"
#include "pipeline/instruction_users.h"
#include "pipeline/ranking_cases.h"

namespace llama4rec::pipeline {
namespace {

using prompts::RankingCase;
using prompts::RatingCase;

constexpr data::Phase kPhase = data::Phase::kInstructionTuning;

/// A ranking, pair or choice before its candidates are known.
struct Draft {
  RankingCase question;
  std::vector<InteractionIndex> later;  ///< held-back positives from the target on
  std::int64_t random_items = 0;        ///< beside the target; 0: the recommender's candidates
  std::size_t source = 0;               ///< position in TuningDrafts::sources
};

/// A top-k task's recommender and its similar users.
struct Source {
  const TopKRecommender* model;
  const data::Split* task;
  SimilarUsers similar;
};

/// Goes through the users and collects; the candidates of all rankings are then made in one pass per recommender.
class TuningDrafts {
 public:
  TuningDrafts(const RunSetup& setup, const data::LeakGuard& guard, const prompts::InstructionFold& fold,
               const TuningModels& models, std::uint64_t seed)
      : setup_(setup), guard_(guard), fold_(fold), rating_model_(models.rating), seed_(seed) {
    result_.provenance = {.what = "instructions", .interactions = InteractionSet(setup.dataset().size())};
    const auto add = [&](const TopKRecommender* model, const data::Split& task) {
      if (model == nullptr) return;
      guard.admit_recommender(kPhase, task, model->provenance());
      trace(model->provenance());
      sources_.push_back({model, &task, SimilarUsers(setup, task, fold.allowed, *model, fold.before)});
    };
    add(models.direct, setup.direct);
    add(models.sequential, setup.sequential);
    if (sources_.empty() && rating_model_ == nullptr) {
      throw UsageError("instructions: no backbone is named, so there is nothing to tune on");
    }
    if (rating_model_ != nullptr) {
      guard.admit_recommender(kPhase, setup.rating, rating_model_->provenance());
      trace(rating_model_->provenance());
      rating_similar_.emplace(setup, setup.rating, fold.allowed, *rating_model_, fold.before);
    }
  }

  TuningCases make() {
    for (UserIndex user = 0; user < setup_.dataset().users(); ++user) collect(user);
    complete_continuations();
    for (std::size_t source = 0; source < sources_.size(); ++source) complete_drafts(source);
    if (rating_model_ != nullptr) {
      std::vector<RatingCase*> pointers;
      for (auto& it : result_.rating) pointers.push_back(&it);
      predict_ratings(*rating_model_, pointers);
    }
    return std::move(result_);
  }

 private:
  const Interaction& at(InteractionIndex i) const { return setup_.dataset().interactions[static_cast<std::size_t>(i)]; }
  void trace(const Provenance& used) { result_.provenance.interactions |= used.interactions; }
  void trace_label(UserIndex user, InteractionIndex label) {
    guard_.admit_label(kPhase, setup_.direct, user, label);
    result_.provenance.interactions.insert(label);
  }

  void collect(UserIndex user) {
    const Dataset& dataset = setup_.dataset();
    std::vector<InteractionIndex> liked;
    std::vector<InteractionIndex> rated;
    for (InteractionIndex i = dataset.user_offsets[static_cast<std::size_t>(user)];
         i < dataset.user_offsets[static_cast<std::size_t>(user) + 1]; ++i) {
      if (!fold_.targets.contains(i)) continue;
      rated.push_back(i);
      if (at(i).rating >= setup_.loaded.positive_threshold) liked.push_back(i);
    }
    RandomStream random(seed_, "instructions.targets", {static_cast<std::uint64_t>(user)});
    if (!sources_.empty() && !liked.empty()) collect_rankings(user, liked, random);
    if (rating_model_ != nullptr && !rated.empty()) collect_ratings(user, std::move(rated), random);
  }

  RankingCase question_of(UserIndex user, InteractionIndex target, const TracedHistory& similar) {
    TracedHistory history = history_of(setup_, user, fold_.allowed, target);
    guard_.admit_history(kPhase, setup_.direct, user, history.liked_provenance, target);
    trace(history.liked_provenance);
    trace_label(user, target);
    return {.user = user,
            .target = target,
            .history = std::move(history.liked),
            .ranked = {},
            .positives = {},
            .similar_history = similar.liked};
  }

  void collect_rankings(UserIndex user, const std::vector<InteractionIndex>& liked, RandomStream& random) {
    const auto& options = setup_.instructions;
    std::vector<TracedHistory> similar;
    for (const Source& source : sources_) {
      similar.push_back(source.similar.history(user, guard_, kPhase));
      trace(similar.back().liked_provenance);
    }
    std::vector<InteractionIndex> order = liked;
    random.shuffle(std::span(order));
    const auto most = std::max({options.ranking_per_user, options.pairs_per_user, options.choices_per_user});
    for (std::size_t n = 0; n < std::min(order.size(), static_cast<std::size_t>(most)); ++n) {
      const InteractionIndex target = order[n];
      const auto number = static_cast<std::int64_t>(n);
      // The users' first rankings are not all of one task.
      const std::size_t source = (n + static_cast<std::size_t>(user)) % sources_.size();
      const RankingCase ranking = question_of(user, target, similar[source]);
      if (ranking.history.empty()) continue;
      if (number < options.ranking_per_user) {
        std::vector<InteractionIndex> later;
        std::copy_if(liked.begin(), liked.end(), std::back_inserter(later), [&](auto i) { return i >= target; });
        drafts_.push_back({.question = ranking, .later = std::move(later), .source = source});
      }
      RankingCase first = ranking;
      first.similar_history = similar.front().liked;
      if (number < options.pairs_per_user) drafts_.push_back({.question = first, .later = {target}, .random_items = 1});
      if (number < options.choices_per_user) {
        drafts_.push_back({.question = first, .later = {target}, .random_items = options.choice_candidates - 1});
      }
    }
    if (!options.continuation) return;
    RankingCase question = question_of(user, liked.front(), similar.front());
    if (question.history.empty()) return;
    result_.continuation.push_back(std::move(question));
    auto& next = result_.liked_next.emplace_back();
    for (const InteractionIndex i : liked) {
      trace_label(user, i);
      next.push_back(at(i).item);
    }
  }

  void collect_ratings(UserIndex user, std::vector<InteractionIndex> rated, RandomStream& random) {
    const TracedHistory similar = rating_similar_->history(user, guard_, kPhase);
    trace(similar.rated_provenance);
    random.shuffle(std::span(rated));
    const auto count = std::min(rated.size(), static_cast<std::size_t>(setup_.instructions.rating_per_user));
    for (std::size_t n = 0; n < count; ++n) {
      const InteractionIndex target = rated[n];
      TracedHistory history = history_of(setup_, user, fold_.allowed, target);
      if (history.rated.empty()) continue;
      guard_.admit_history(kPhase, setup_.rating, user, history.rated_provenance, target);
      trace(history.rated_provenance);
      trace_label(user, target);
      result_.rating.push_back({.user = user,
                                .target = target,
                                .history = std::move(history.rated),
                                .item = at(target).item,
                                .rating = at(target).rating,
                                .similar_history = similar.rated,
                                .predicted_rating = 0});
    }
  }

  [[nodiscard]] std::vector<std::vector<ItemIndex>> candidates(const TopKRecommender& model,
                                                               const std::vector<const RankingCase*>& cases) const {
    std::vector<UserIndex> users;
    std::vector<std::vector<ItemIndex>> histories;
    for (const RankingCase* it : cases) {
      users.push_back(it->user);
      histories.push_back(it->history);
    }
    std::vector<std::vector<ItemIndex>> lists;
    for (auto& list : best_unseen(model, users, histories, histories, setup_.prompts.candidates_at_once())) {
      lists.push_back(std::move(list.items));
    }
    return lists;
  }

  void complete_continuations() {
    if (result_.continuation.empty()) return;
    std::vector<const RankingCase*> cases;
    for (const auto& it : result_.continuation) cases.push_back(&it);
    auto lists = candidates(*sources_.front().model, cases);
    for (std::size_t n = 0; n < lists.size(); ++n) result_.continuation[n].ranked = std::move(lists[n]);
  }

  void complete_drafts(std::size_t source) {
    const TopKRecommender& model = *sources_[source].model;
    std::vector<Draft*> rankings;
    std::vector<const RankingCase*> cases;
    for (Draft& draft : drafts_) {
      if (draft.source != source) continue;
      if (draft.random_items > 0) {
        complete_random(draft, model.known_items());
      } else {
        rankings.push_back(&draft);
        cases.push_back(&draft.question);
      }
    }
    auto lists = candidates(model, cases);
    for (std::size_t n = 0; n < rankings.size(); ++n) {
      rankings[n]->question.ranked = std::move(lists[n]);
      complete_ranking(*rankings[n]);
    }
  }

  /// The target among random items that the user's history does not have, in a random order.
  void complete_random(Draft& draft, const std::vector<bool>& known) {
    RankingCase& question = draft.question;
    const bool pair = draft.random_items == 1;
    const ItemIndex target = at(question.target).item;
    RandomStream random(seed_, pair ? "instructions.pair" : "instructions.choice",
                        {static_cast<std::uint64_t>(question.target)});
    std::vector<bool> taken(known.size(), false);
    for (const ItemIndex item : question.history) taken[static_cast<std::size_t>(item)] = true;
    taken[static_cast<std::size_t>(target)] = true;
    question.ranked = {target};
    for (std::int64_t tries = 0; tries < 100 * draft.random_items; ++tries) {
      if (static_cast<std::int64_t>(question.ranked.size()) > draft.random_items) break;
      const std::size_t other = random.below(known.size());
      if (!known[other] || taken[other]) continue;
      taken[other] = true;
      question.ranked.push_back(static_cast<ItemIndex>(other));
    }
    if (question.ranked.size() < 2) return;
    random.shuffle(std::span(question.ranked));
    question.positives = {target};
    question.hinted = false;
    (pair ? result_.pairs : result_.choices).push_back(std::move(question));
  }

  void complete_ranking(Draft& draft) {
    RankingCase& question = draft.question;
    const ItemIndex target = at(question.target).item;
    RandomStream random(seed_, "instructions.injection", {static_cast<std::uint64_t>(question.target)});
    const bool missing = std::find(question.ranked.begin(), question.ranked.end(), target) == question.ranked.end();
    if (missing && random.uniform() < setup_.instructions.injection_rate) {
      const auto place = random.below(std::max<std::size_t>(1, question.ranked.size()));
      question.ranked.insert(question.ranked.begin() + static_cast<std::ptrdiff_t>(place), target);
      if (question.ranked.size() > static_cast<std::size_t>(setup_.prompts.candidates_at_once()))
        question.ranked.pop_back();
      ++result_.injected;
    }
    // Label: held-back positives among the candidates, the higher rating first, then the later one.
    std::vector<InteractionIndex> positives;
    std::copy_if(draft.later.begin(), draft.later.end(), std::back_inserter(positives), [&](InteractionIndex i) {
      return std::find(question.ranked.begin(), question.ranked.end(), at(i).item) != question.ranked.end();
    });
    std::stable_sort(positives.begin(), positives.end(), [&](InteractionIndex a, InteractionIndex b) {
      return at(a).rating != at(b).rating ? at(a).rating > at(b).rating : a > b;
    });
    if (positives.empty()) {
      ++result_.without_positive;
      return;
    }
    for (const InteractionIndex i : positives) {
      trace_label(question.user, i);
      question.positives.push_back(at(i).item);
    }
    const auto place = std::find(question.ranked.begin(), question.ranked.end(), target);
    if (place != question.ranked.end()) result_.target_positions.push_back(place - question.ranked.begin() + 1);
    result_.ranking.push_back(std::move(question));
  }

  const RunSetup& setup_;
  const data::LeakGuard& guard_;
  const prompts::InstructionFold& fold_;
  std::vector<Source> sources_;
  const RatingPredictor* rating_model_;
  std::optional<SimilarUsers> rating_similar_;
  std::uint64_t seed_;
  std::vector<Draft> drafts_;
  TuningCases result_;
};

}  // namespace

TuningCases tuning_cases(const RunSetup& setup, const data::LeakGuard& guard, const prompts::InstructionFold& fold,
                         const TuningModels& models, std::uint64_t seed) {
  TuningCases cases = TuningDrafts(setup, guard, fold, models, seed).make();
  cases.users = instruction_users(setup, fold, models, seed);
  return cases;
}

void append(TuningCases& cases, TuningCases others) {
  const auto move_behind = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  move_behind(cases.ranking, others.ranking);
  move_behind(cases.pairs, others.pairs);
  move_behind(cases.choices, others.choices);
  move_behind(cases.continuation, others.continuation);
  move_behind(cases.liked_next, others.liked_next);
  move_behind(cases.rating, others.rating);
  move_behind(cases.target_positions, others.target_positions);
  cases.injected += others.injected;
  cases.without_positive += others.without_positive;
  cases.users.append(others.users);
  cases.provenance.interactions |= others.provenance.interactions;
}

}  // namespace llama4rec::pipeline
