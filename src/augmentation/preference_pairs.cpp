#include "augmentation/preference_pairs.h"

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "core/random.h"

namespace llama4rec::augmentation {
namespace {

constexpr std::int64_t kTriesPerPair = 20;

CompletionRequest question(const AugmentedUser& user, ItemIndex first, ItemIndex second, prompts::CaseWriter& writer,
                           bool augmented) {
  prompts::RankingCase pair = user.question;
  pair.ranked = {first, second};
  pair.hinted = false;
  prompts::RankingQuestion wording = writer.ranking(pair, augmented);
  if (!wording.candidates.empty()) wording.candidates = pair.ranked;  // the order of presentation is the caller's
  CompletionRequest request{.prompt = writer.templates().ranking(wording),
                            .grammar = writer.templates().ranking_grammar({first, second})};
  request.grammar.generate_first = 1;
  return request;
}

}  // namespace

void PairOptions::declare(config::OptionVisitor& visit) {
  visit.option("augmentation.pairs_per_user", per_user, config::between(0, 10000),
               "Pairs of un-interacted items per user that the language model orders; 0 = no data augmentation.",
               "III-B1, eq. 2");
  visit.option("augmentation.draw", draw, config::one_of({"uniform", "upper", "top"}),
               "How pairs are drawn: two items uniformly; one of the conventional model's upper ranks and one "
               "uniformly; or both "
               "of its upper ranks, where an order decides what a user is shown.",
               "III-B1");
  visit.option("augmentation.upper_ranks", upper_ranks, config::between(2, 10000),
               "How many unseen items are the conventional model's upper ranks.");
  visit.option("augmentation.both_orders", both_orders, config::anything(),
               "Ask each pair in both orders of presentation and drop those whose answer changes (position bias).");
}

std::vector<DrawnPair> draw_pairs(const std::vector<AugmentedUser>& users, const std::vector<bool>& known_items,
                                  const PairOptions& options, std::uint64_t seed) {
  std::vector<DrawnPair> pairs;
  for (std::size_t position = 0; position < users.size(); ++position) {
    const AugmentedUser& user = users[position];
    const std::vector<ItemIndex> free = free_items(user, known_items);
    if (free.size() < 2) continue;
    std::vector<ItemIndex> upper;
    std::copy_if(user.upper.begin(), user.upper.end(), std::back_inserter(upper),
                 [&](ItemIndex item) { return std::binary_search(free.begin(), free.end(), item); });
    const std::vector<ItemIndex>& firsts = options.draw != "uniform" && !upper.empty() ? upper : free;
    const std::vector<ItemIndex>& seconds = options.draw == "top" && upper.size() >= 2 ? upper : free;
    RandomStream random(seed, "augmentation.pairs", {static_cast<std::uint64_t>(user.question.user)});
    std::set<std::pair<ItemIndex, ItemIndex>> drawn;
    // Where few pairs exist, repeated draws end the search.
    for (std::int64_t tries = 0; tries < kTriesPerPair * options.per_user; ++tries) {
      if (static_cast<std::int64_t>(drawn.size()) == options.per_user) break;
      const ItemIndex first = firsts[random.below(firsts.size())];
      const ItemIndex second = seconds[random.below(seconds.size())];
      if (first == second || !drawn.insert(std::minmax(first, second)).second) continue;
      pairs.push_back({.user = position, .first = first, .second = second});
    }
  }
  return pairs;
}

std::vector<PreferencePair> order_pairs(const std::vector<AugmentedUser>& users, const std::vector<DrawnPair>& pairs,
                                        LanguageModel& model, prompts::CaseWriter& writer, bool augmented_prompts,
                                        const PairOptions& options, const CompletionProgress& progress,
                                        PairAccount& account) {
  const std::size_t per_pair = options.both_orders ? 2 : 1;
  std::vector<CompletionRequest> requests;
  requests.reserve(pairs.size() * per_pair);
  for (const DrawnPair& pair : pairs) {
    const AugmentedUser& user = users[pair.user];
    requests.push_back(question(user, pair.first, pair.second, writer, augmented_prompts));
    if (options.both_orders) {
      requests.push_back(question(user, pair.second, pair.first, writer, augmented_prompts));
    }
  }
  const std::vector<Completion> answers = model.complete(requests, progress);

  std::vector<PreferencePair> result;
  std::int64_t first_shown = 0;
  std::int64_t answered = 0;
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    const DrawnPair& pair = pairs[p];
    const auto own = std::span(answers).subspan(p * per_pair, per_pair);
    if (std::any_of(own.begin(), own.end(), [](const auto& it) { return it.outcome != AnswerOutcome::kAnswered; })) {
      ++account.unanswered;
      continue;
    }
    answered += static_cast<std::int64_t>(per_pair);
    // order[0] indexes the options in the order of presentation.
    const bool prefers_first = answers[p * per_pair].order.front() == 0;
    first_shown += prefers_first ? 1 : 0;
    if (options.both_orders) {
      const bool again = answers[p * per_pair + 1].order.front() == 1;
      first_shown += again ? 0 : 1;
      if (again != prefers_first) {
        ++account.disagreed;
        continue;
      }
    }
    result.push_back({.user = users[pair.user].question.user,
                      .preferred = prefers_first ? pair.first : pair.second,
                      .other = prefers_first ? pair.second : pair.first});
  }
  account.asked += static_cast<std::int64_t>(pairs.size());
  account.kept += static_cast<std::int64_t>(result.size());
  account.first_shown_preferred = answered == 0 ? 0 : static_cast<double>(first_shown) / static_cast<double>(answered);
  return result;
}

}  // namespace llama4rec::augmentation
