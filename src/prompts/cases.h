// What a prompt is made from: one user at one moment, with what the recommenders say. The same at tuning and when ranking.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <llama4rec/dataset.h>

#include "prompts/item_texts.h"
#include "prompts/prompt_options.h"
#include "prompts/templates.h"

namespace llama4rec::prompts {

/// A ranking question before it is worded.
struct RankingCase {
  UserIndex user = 0;
  InteractionIndex target = -1;      ///< at tuning: the interaction to be predicted
  std::vector<ItemIndex> history;    ///< liked items that may be seen, oldest first
  std::vector<ItemIndex> ranked;     ///< the candidates in the recommender's order, best first
  std::vector<ItemIndex> positives;  ///< at tuning: the label's positives among the candidates, in the label's order
  std::vector<ItemIndex> similar_history;  ///< the most similar user's liked items, oldest first
  bool hinted = true;  ///< an augmented prompt carries `ranked`; false for a pair, whose order is what is asked for
};

/// A rating question before it is worded.
struct RatingCase {
  UserIndex user = 0;
  InteractionIndex target = -1;  ///< at tuning: the interaction whose rating is predicted
  std::vector<RatedItem> history;
  ItemIndex item = 0;
  float rating = 0;  ///< at tuning: the label
  std::vector<RatedItem> similar_history;
  double predicted_rating = 0;  ///< the conventional model's
};

/// What was left out so that prompts fit.
struct TrimmingAccount {
  std::int64_t prompts = 0;          ///< prompts made
  std::int64_t trimmed_prompts = 0;  ///< of which some lost items to the token budget
  std::int64_t trimmed_items = 0;    ///< items lost
};

/// Words cases: cuts histories to their lengths and to the token budget (oldest items first, similar user's before the user's own;
/// candidates are never cut), shuffles the shown candidates by the seed.
class CaseWriter {
 public:
  /// `count_tokens` of a segment; `budget`: most tokens of a prompt and its answer together.
  CaseWriter(const ItemTexts& texts, const Templates& templates, const PromptOptions& options, std::uint64_t seed,
             std::function<std::int64_t(const std::string&)> count_tokens, std::int64_t budget);

  [[nodiscard]] RankingQuestion ranking(const RankingCase& source, bool augmented);
  [[nodiscard]] RatingQuestion rating(const RatingCase& source, bool augmented);
  [[nodiscard]] const Templates& templates() const { return *templates_; }
  [[nodiscard]] const TrimmingAccount& trimming() const { return trimming_; }

 private:
  /// Drops items from the front of `history`, then of `similar`, while prompt and answer exceed the budget.
  template <class Item, class Word>
  void fit(std::vector<Item>& history, std::vector<Item>& similar, std::int64_t answer_tokens, const Word& word);

  const ItemTexts* texts_;
  const Templates* templates_;
  PromptOptions options_;
  std::uint64_t seed_;
  std::function<std::int64_t(const std::string&)> count_tokens_;
  std::int64_t budget_;
  TrimmingAccount trimming_;
};

}  // namespace llama4rec::prompts
