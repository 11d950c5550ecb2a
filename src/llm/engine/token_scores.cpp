#include "llm/engine/token_scores.h"

#include <numeric>

#include "llm/engine/token_choice.h"

namespace llama4rec::llm {

std::vector<double> score_tokens(const PackedModel& model, std::span<const Token> tokens) {
  if (tokens.size() < 2) return {};
  const auto count = static_cast<std::int32_t>(tokens.size()) - 1;
  const auto precision = cache_precision(model.precision());
  const auto needed = (count + kBlockTokens - 1) / kBlockTokens;
  const BlockCache one(model.config(), precision, 0);
  BlockCache cache(model.config(), precision, needed * one.block_bytes());
  std::vector<BlockId> blocks;
  for (std::int64_t i = 0; i < needed; ++i) blocks.push_back(cache.take());
  PackedTokens sequence{
      .tokens = {tokens.begin(), tokens.end() - 1}, .positions = {}, .ends = {}, .blocks = blocks, .asked = {}};
  sequence.positions.resize(static_cast<std::size_t>(count));
  std::iota(sequence.positions.begin(), sequence.positions.end(), 0);
  sequence.asked = sequence.positions;
  const auto states = model.read({&sequence, 1}, cache);
  // Every token as an option of its own, asked of the state before it.
  PreparedRequest prepared;
  std::vector<OptionQuestions> questions{{.prepared = &prepared, .scores = {}, .rows = {}}};
  for (std::int32_t i = 0; i < count; ++i) {
    prepared.questions.push_back({{.slot = i, .token = tokens[static_cast<std::size_t>(i) + 1]}});
    questions.front().rows.push_back({states.values.data() + i * model.config().hidden});
  }
  score_options(model, questions);
  return std::move(questions.front().scores);
}

}  // namespace llama4rec::llm
