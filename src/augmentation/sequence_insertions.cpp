#include "augmentation/sequence_insertions.h"

#include <algorithm>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/random.h"

namespace llama4rec::augmentation {

void InsertionOptions::declare(config::OptionVisitor& visit) {
  visit.option("augmentation.insertions_per_user", per_user, config::between(0, 1000),
               "Items per user that the language model chooses for the training sequence; 0 = no data augmentation.",
               "III-B2");
  visit.option("augmentation.insertion_list", list_size, config::between(2, 1000),
               "Items of the list that it chooses from.", "III-B2");
  visit.option(
      "augmentation.insertion_draw", draw, config::one_of({"uniform", "upper"}),
      "How the list is drawn: uniformly, or of the conventional model's upper ranks (augmentation.upper_ranks).");
}

std::vector<DrawnList> draw_lists(const std::vector<AugmentedUser>& users, const std::vector<bool>& known_items,
                                  const InsertionOptions& options, std::uint64_t seed) {
  std::vector<DrawnList> lists;
  for (std::size_t position = 0; position < users.size(); ++position) {
    const AugmentedUser& user = users[position];
    const std::size_t length = user.interacted.size();
    if (length == 0) continue;
    std::vector<ItemIndex> free = free_items(user, known_items);
    if (options.draw == "upper") {
      std::erase_if(free, [&](ItemIndex item) {
        return std::find(user.upper.begin(), user.upper.end(), item) == user.upper.end();
      });
    }
    RandomStream random(seed, "augmentation.insertions", {static_cast<std::uint64_t>(user.question.user)});
    random.shuffle(std::span(free));
    std::size_t next = 0;
    for (std::int64_t n = 0; n < options.per_user; ++n) {
      const std::size_t size = std::min(free.size() - next, static_cast<std::size_t>(options.list_size));
      if (size < 2) break;
      const auto begin = free.begin() + static_cast<std::ptrdiff_t>(next);
      lists.push_back({.user = position,
                       .items = {begin, begin + static_cast<std::ptrdiff_t>(size)},
                       .place = static_cast<std::int64_t>(random.below(length))});
      next += size;
    }
  }
  return lists;
}

std::vector<Insertion> choose_insertions(const std::vector<AugmentedUser>& users, const std::vector<DrawnList>& lists,
                                         LanguageModel& model, prompts::CaseWriter& writer, bool augmented_prompts,
                                         const CompletionProgress& progress, InsertionAccount& account) {
  std::vector<CompletionRequest> requests;
  requests.reserve(lists.size());
  for (const DrawnList& list : lists) {
    prompts::RankingCase question = users[list.user].question;
    question.ranked = list.items;
    question.hinted = false;
    requests.push_back({.prompt = writer.templates().ranking(writer.ranking(question, augmented_prompts)),
                        .grammar = writer.templates().ranking_grammar(list.items)});
    requests.back().grammar.generate_first = 1;
  }
  const std::vector<Completion> answers = model.complete(requests, progress);
  std::vector<Insertion> result;
  for (std::size_t n = 0; n < lists.size(); ++n) {
    if (answers[n].outcome != AnswerOutcome::kAnswered) {
      ++account.unanswered;
      continue;
    }
    result.push_back({.user = users[lists[n].user].question.user,
                      .item = lists[n].items[static_cast<std::size_t>(answers[n].order.front())],
                      .place = lists[n].place});
  }
  account.asked += static_cast<std::int64_t>(lists.size());
  account.kept += static_cast<std::int64_t>(result.size());
  return result;
}

std::vector<std::vector<ItemIndex>> with_insertions(std::vector<std::vector<ItemIndex>> histories,
                                                    const std::vector<Insertion>& insertions) {
  // From the back, so that the places of what is still to come stay true.
  std::vector<Insertion> order = insertions;
  std::stable_sort(order.begin(), order.end(),
                   [](const Insertion& a, const Insertion& b) { return a.place > b.place; });
  for (const Insertion& it : order) {
    auto& history = histories.at(static_cast<std::size_t>(it.user));
    if (it.place < 0 || it.place >= static_cast<std::int64_t>(history.size())) {
      throw InternalError(fmt::format("insertion at {} of a history of {} items", it.place, history.size()));
    }
    history.insert(history.begin() + static_cast<std::ptrdiff_t>(it.place), it.item);
  }
  return histories;
}

}  // namespace llama4rec::augmentation
