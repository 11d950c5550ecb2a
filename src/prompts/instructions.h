// Instructions: prompts with their answers, to tune a language model on (paper, III-E).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>
#include <llama4rec/language_model.h>

#include "config/options.h"
#include "llm/training_text.h"
#include "prompts/cases.h"

namespace llama4rec::prompts {

struct InstructionOptions {
  std::int64_t ranking_per_user = 2;
  std::int64_t rating_per_user = 2;
  std::int64_t pairs_per_user = 1;
  std::int64_t choices_per_user = 1;
  std::int64_t choice_candidates = 10;
  std::int64_t most = 0;
  std::string sampling = "uniform";
  std::int64_t clusters = 20;
  bool continuation = true;
  double injection_rate = 1.0;
  std::string answer_loss = "positives";
  std::string direct_backbone = "lightgcn";
  std::string sequential_backbone = "sasrec";
  std::string rating_backbone = "deepfm";
  void declare(config::OptionVisitor& visit);
};

enum class InstructionKind { kRanking, kContinuation, kPair, kChoice, kRating };
std::string to_string(InstructionKind kind);

/// One instruction, worded.
struct Instruction {
  InstructionKind kind = InstructionKind::kRanking;
  UserIndex user = 0;
  std::vector<InteractionIndex> targets;  ///< the interactions that the answer was made from
  PromptText prompt;
  std::vector<std::string> answer;  ///< segments of the whole answer
  std::size_t learned = 0;          ///< how many of the answer's segments count in the loss, from the first
  bool end = false;                 ///< the answer ends (its end token is learned)

  /// For tuning: the prompt is read, the answer's learned segments are learned, the rest is left out.
  [[nodiscard]] llm::TrainingText training_text() const;
  /// One JSON line in Alpaca's form: instruction, input, output, and meta (kind, user, items).
  [[nodiscard]] std::string alpaca_json(const Dataset& dataset) const;
};

/// Words instructions from cases.
class InstructionWriter {
 public:
  InstructionWriter(CaseWriter& writer, const ItemTexts& texts, const InstructionOptions& options);

  /// "Rank these candidates"; also the order of a pair (two candidates). The label: the case's positives in their order, then
  /// the other candidates in the recommender's order.
  [[nodiscard]] Instruction ranking(const RankingCase& source, InstructionKind kind, bool augmented);
  /// "Name what the user likes next": `liked_next` are the held-back positives, oldest first.
  [[nodiscard]] Instruction continuation(const RankingCase& source, const std::vector<ItemIndex>& liked_next,
                                         bool augmented);
  [[nodiscard]] Instruction rating(const RatingCase& source, bool augmented);

 private:
  CaseWriter* writer_;
  const ItemTexts* texts_;
  InstructionOptions options_;
};

/// Drops instructions whose prompt and answer repeat an earlier one; returns how many.
std::int64_t drop_repeated(std::vector<Instruction>& instructions);

}  // namespace llama4rec::prompts
