#include "prompts/instructions.h"

#include <algorithm>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "core/text.h"

namespace llama4rec::prompts {

void InstructionOptions::declare(config::OptionVisitor& visit) {
  visit.option("instructions.ranking_per_user", ranking_per_user, config::between(0, 1000),
               "Listwise ranking instructions per user, at most; direct and sequential recommendation in turns.",
               "IV-A3");
  visit.option("instructions.rating_per_user", rating_per_user, config::between(0, 1000),
               "Rating instructions per user, at most.", "IV-A3");
  visit.option("instructions.pairs_per_user", pairs_per_user, config::between(0, 1000),
               "Instructions that order two items, per user, at most.", "III-B1");
  visit.option("instructions.choices_per_user", choices_per_user, config::between(0, 1000),
               "Instructions that pick the likeliest of random items, per user, at most.", "III-B2");
  visit.option("instructions.choice_candidates", choice_candidates, config::between(2, 1000),
               "Items of such an instruction, the held-back one among them.");
  visit.option("instructions.most", most, config::between(0, 1e9),
               "Instructions that the language model is tuned on, at most; 0: all that there are.", "IV-A3");
  visit.option(
      "instructions.sampling", sampling, config::one_of({"uniform", "importance", "clusters"}),
      "How instructions.most of them are drawn: all alike; with probabilities proportional to log(1 + interactions of "
      "the user in the training part); or alike from clusters of users with similar embeddings of the first of "
      "instructions.direct_backbone, sequential_backbone and rating_backbone that there is.",
      "III-E1");
  visit.option("instructions.clusters", clusters, config::between(1, 100000),
               "Clusters of users for instructions.sampling: clusters (k-means).");
  visit.option(
      "instructions.direct_backbone", direct_backbone, config::anything(),
      "Recommender behind the candidates, hints and similar users of direct recommendation's instructions; empty: "
      "none. The language models are the same for every backbone of a data set.",
      "III-C");
  visit.option("instructions.sequential_backbone", sequential_backbone, config::anything(),
               "The same for sequential recommendation.", "III-C");
  visit.option(
      "instructions.rating_backbone", rating_backbone, config::anything(),
      "Conventional model behind the predicted ratings and similar users of rating instructions, also where a top-k "
      "run asks for ratings.",
      "III-C2");
  visit.option(
      "instructions.continuation", continuation, config::anything(),
      "Also ask for what a user likes next, without candidates: one instruction per user with all held-back items.");
  visit.option(
      "instructions.injection_rate", injection_rate, config::between(0, 1),
      "Probability that a target which the out-of-fold recommender's best items miss is put among the candidates, at "
      "a random place.");
  visit.option(
      "instructions.answer_loss", answer_loss, config::one_of({"positives", "all"}),
      "Ranking answers: learn the positives (the rest of the order tells nothing about the user) or the whole order.",
      "eq. 7");
}

std::string to_string(InstructionKind kind) {
  switch (kind) {
    case InstructionKind::kRanking:
      return "ranking";
    case InstructionKind::kContinuation:
      return "continuation";
    case InstructionKind::kPair:
      return "pair";
    case InstructionKind::kChoice:
      return "choice";
    case InstructionKind::kRating:
      return "rating";
  }
  return "unknown";
}

llm::TrainingText Instruction::training_text() const {
  llm::TrainingText text;
  text.segments = prompt.segments;
  text.learn.assign(prompt.segments.size(), false);
  text.segments.insert(text.segments.end(), answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(learned));
  text.learn.insert(text.learn.end(), learned, true);
  text.end = end && learned == answer.size();
  return text;
}

std::string Instruction::alpaca_json(const Dataset& dataset) const {
  nlohmann::ordered_json line;
  line["instruction"] = prompt.segments.empty() ? "" : prompt.segments.front();
  PromptText input{.segments = {prompt.segments.begin() + (prompt.segments.empty() ? 0 : 1), prompt.segments.end()}};
  line["input"] = input.joined();
  line["output"] = PromptText{.segments = answer}.joined();
  line["meta"]["kind"] = to_string(kind);
  line["meta"]["user"] = dataset.user_ids[static_cast<std::size_t>(user)];
  auto& items = line["meta"]["targets"] = nlohmann::ordered_json::array();
  for (const InteractionIndex target : targets) {
    items.push_back(
        dataset.item_ids[static_cast<std::size_t>(dataset.interactions[static_cast<std::size_t>(target)].item)]);
  }
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

InstructionWriter::InstructionWriter(CaseWriter& writer, const ItemTexts& texts, const InstructionOptions& options)
    : writer_(&writer), texts_(&texts), options_(options) {}

Instruction InstructionWriter::ranking(const RankingCase& source, InstructionKind kind, bool augmented) {
  Instruction result{.kind = kind, .user = source.user, .targets = {source.target}};
  result.prompt = writer_->templates().ranking(writer_->ranking(source, augmented));
  std::vector<ItemIndex> order = source.positives;
  for (const ItemIndex item : source.ranked) {
    if (std::find(order.begin(), order.end(), item) == order.end()) order.push_back(item);
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0) result.answer.emplace_back(kSeparator);
    result.answer.push_back(texts_->title(order[i]));
  }
  if (options_.answer_loss == "positives" && source.positives.size() < order.size()) {
    // A title and the separator behind it: the separator ends a title that begins another one.
    result.learned = 2 * source.positives.size();
  } else {
    result.learned = result.answer.size();
    result.end = true;
  }
  return result;
}

Instruction InstructionWriter::continuation(const RankingCase& source, const std::vector<ItemIndex>& liked_next,
                                            bool augmented) {
  Instruction result{.kind = InstructionKind::kContinuation, .user = source.user};
  RankingQuestion question = writer_->ranking(source, augmented);
  question.candidates.clear();
  result.prompt = writer_->templates().ranking(question);
  writer_->templates().append_titles(liked_next, result.answer);
  result.learned = result.answer.size();
  return result;
}

Instruction InstructionWriter::rating(const RatingCase& source, bool augmented) {
  Instruction result{.kind = InstructionKind::kRating, .user = source.user, .targets = {source.target}};
  result.prompt = writer_->templates().rating(writer_->rating(source, augmented));
  result.answer = {texts_->rating(source.rating)};
  result.learned = 1;
  result.end = true;
  return result;
}

std::int64_t drop_repeated(std::vector<Instruction>& instructions) {
  std::unordered_set<std::string> seen;
  const auto before = instructions.size();
  std::erase_if(instructions, [&](const Instruction& it) {
    return !seen.insert(it.prompt.joined() + '\n' + PromptText{.segments = it.answer}.joined()).second;
  });
  return static_cast<std::int64_t>(before - instructions.size());
}

}  // namespace llama4rec::prompts
