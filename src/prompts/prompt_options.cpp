#include "prompts/prompt_options.h"

#include <algorithm>

namespace llama4rec::prompts {

void PromptOptions::declare(config::OptionVisitor& visit) {
  visit.option("prompts.candidates", candidates, config::between(2, 100),
               "Candidates k' that the language model ranks: the conventional model's best unseen items.", "IV-A5");
  visit.option("prompts.chunk", chunk, config::between(2, 100),
               "Most candidates of one prompt: more are dealt to several prompts, whose orders are merged.", "IV-B");
  visit.option(
      "prompts.merge", merge, config::one_of({"place", "probability"}),
      "How orders of several prompts become one: all first places before all second ones, or, where the order is by "
      "the candidates' probabilities, by these.");
  visit.option(
      "prompts.methods", methods, config::one_of({"listwise", "first", "pointwise"}),
      "Ranking methods that are asked, among which validation chooses: listwise (the generated order), first (by "
      "the probability of standing first: one step), pointwise (by each candidate's expected rating).",
      "IV-A5");
  visit.option("prompts.history_length", history_length, config::between(1, 1000),
               "Most items of a user's history in a prompt; the latest ones stay.");
  visit.option("prompts.similar_history_length", similar_history_length, config::between(1, 1000),
               "Most items of the similar user's history in an augmented prompt; the latest ones stay.", "III-C1");
  visit.option("prompts.show_candidates", show_candidates, config::anything(),
               "List the candidates in ranking prompts (the answer is bound to them in any case).");
  visit.option("prompts.similar_user", similar_user, config::anything(),
               "Augmented prompts carry the most similar user's history.", "III-C1, eq. 3");
  visit.option("prompts.hint", hint, config::anything(), "Augmented prompts carry the conventional model's prediction.",
               "III-C2");
  visit.option("prompts.style", style, config::one_of({"compact", "verbose"}),
               "Wording: compact for a small model made on the spot, verbose (the paper's shape) for a large one.",
               "Fig. 3");
  visit.option("prompts.templates", templates, config::anything(),
               "Folder with ranking.txt and rating.txt, the wording in the place of the style's (docs/prompts.md); "
               "empty: the style's.");
}

bool PromptOptions::asks(const std::string& method) const {
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

std::vector<std::string> candidate_options() {
  return {"prompts.candidates", "prompts.chunk", "prompts.merge", "prompts.methods"};
}

}  // namespace llama4rec::prompts
