// Reads answers that no grammar bound: free text of a model that was asked for one of the options, or for an order of them.
//
// What is tolerated (and counted as a repair):
//   - blanks, line ends, case (ASCII), quotation marks, bold marks, a full stop at the end;
//   - numbering and bullets ("1. Title", "2) Title", "- Title"), where the option is not found with them;
//   - a permutation on lines, as a JSON array (also inside of an object) or separated by commas or ">" instead of its separator;
//   - a choice inside of a sentence, if it is the only option that stands there as whole words ("Rating: 4");
//   - numbers in another form ("4.0" for "4").
// In a permutation, pieces that are no option are left out, of a repeated option the first mention counts, and options that are
// missing follow in their own order, if at least half of the options (of those that were asked for, where the grammar wants
// the first few only) are named. Everything else is no answer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <llama4rec/language_model.h>

namespace llama4rec::llm {

struct ParsedAnswer {
  std::vector<std::int64_t> order;  ///< as Completion::order; empty where there is no answer
  bool repaired = false;            ///< read with tolerance
  std::string problem;              ///< why there is no answer; empty where there is one
};

/// Free text: always an answer, without an order.
ParsedAnswer parse_answer(const AnswerGrammar& grammar, const std::string& text);

/// The answer as the embedded model would write it.
std::string canonical_answer(const AnswerGrammar& grammar, const std::vector<std::int64_t>& order);

}  // namespace llama4rec::llm
