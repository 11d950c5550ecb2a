// The wording of prompts: what the language model is shown, and what its answer looks like.
//
// Compact style puts the user's history last, so that a ranking continues it: "...; liked: A; B; C; " -> "D; E; F". It is what a
// small model made on the spot reads in pre-training. Verbose style follows the paper's Figure 3 in full sentences.
// A style is a pair of templates (template_text.h), and so are a user's files.
// A title, a rating and a separator are segments of their own (language_model.h): their tokens never depend on their surroundings.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>
#include <llama4rec/language_model.h>

#include "prompts/item_texts.h"
#include "prompts/prompt_options.h"
#include "prompts/template_sources.h"
#include "prompts/template_text.h"

namespace llama4rec::prompts {

/// What separates titles in prompts and answers.
inline constexpr const char* kSeparator = "; ";

/// A rated item in a history.
struct RatedItem {
  ItemIndex item = 0;
  float rating = 0;
};

/// What a ranking prompt says. Histories are oldest first and already as short as they shall be.
struct RankingQuestion {
  std::vector<ItemIndex> history;
  std::vector<ItemIndex> candidates;       ///< in the order in which they are shown; empty: not shown
  std::vector<ItemIndex> similar_history;  ///< augmentation; empty: none
  std::vector<ItemIndex> hint;             ///< augmentation: the conventional model's ranking, best first; empty: none
};

/// What a rating prompt says.
struct RatingQuestion {
  std::vector<RatedItem> history;
  ItemIndex target = 0;
  std::vector<RatedItem> similar_history;  ///< augmentation; empty: none
  std::optional<double> predicted_rating;  ///< augmentation: the conventional model's prediction
};

/// Writes prompts in one wording.
class Templates {
 public:
  /// DataError for a template that cannot be read, with its place.
  Templates(const ItemTexts& texts, const TemplateSources& sources);
  /// A built-in style.
  Templates(const ItemTexts& texts, const std::string& style);

  /// Asks for the candidates in the order of the user's preference.
  [[nodiscard]] PromptText ranking(const RankingQuestion& question) const;
  /// The grammar of a ranking's answer: a permutation of the candidates, given in the order in which answers index them.
  [[nodiscard]] AnswerGrammar ranking_grammar(const std::vector<ItemIndex>& candidates) const;
  /// Asks for the rating of the target. Questions about several targets of one user share everything but the end.
  [[nodiscard]] PromptText rating(const RatingQuestion& question) const;
  /// One of the scale's ratings.
  [[nodiscard]] AnswerGrammar rating_grammar() const;

  /// Title, separator, title, separator, ...: a history as text.
  void append_titles(const std::vector<ItemIndex>& items, std::vector<std::string>& segments) const;
  void append_ratings(const std::vector<RatedItem>& items, std::vector<std::string>& segments) const;
  /// What stands before a history of liked items, and before a rating history: also in pre-training.
  [[nodiscard]] const std::string& liked_heading() const { return liked_heading_; }
  [[nodiscard]] const std::string& ratings_heading() const { return ratings_heading_; }
  /// Every fixed text, for the tokeniser's training.
  [[nodiscard]] std::vector<std::string> fixed_texts() const;
  /// A hash of the templates.
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }

 private:
  /// A template's pieces as segments. `shows` tells whether a part has something to show, `append` inserts it.
  template <class Shows, class Append>
  static PromptText fill(const TemplatePieces& pieces, const Shows& shows, const Append& append);

  const ItemTexts* texts_;
  TemplatePieces ranking_;
  TemplatePieces rating_;
  std::string liked_heading_;
  std::string ratings_heading_;
  std::string fingerprint_;
};

}  // namespace llama4rec::prompts
