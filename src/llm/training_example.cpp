#include "llm/training_example.h"

#include <algorithm>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::llm {
namespace {

/// Which segments stay: drops the oldest unlearned ones until the rest fits.
std::vector<bool> kept_segments(const TrainingText& text, const std::vector<std::int64_t>& lengths,
                                std::int64_t context, std::size_t place) {
  std::int64_t total = 1 + (text.end ? 1 : 0);
  for (const auto length : lengths) total += length;
  std::vector<bool> kept(lengths.size(), true);
  for (std::size_t i = 0; i < lengths.size() && total > context; ++i) {
    if (text.learn[i]) continue;
    kept[i] = false;
    total -= lengths[i];
  }
  if (total > context) {
    throw DataError(fmt::format("training text {}: its learned part alone has {} tokens, the context holds {}",
                                place + 1, total, context));
  }
  return kept;
}

TrainingExample encode(const TrainingText& text, const Tokenizer& tokenizer, std::int64_t context, std::size_t place,
                       std::int64_t& dropped) {
  if (text.learn.size() != text.segments.size()) {
    throw DataError(fmt::format("training text {}: {} segments but {} marks of what is learned", place + 1,
                                text.segments.size(), text.learn.size()));
  }
  std::vector<std::int64_t> lengths;
  for (std::size_t i = 0; i < text.segments.size(); ++i) {
    lengths.push_back(static_cast<std::int64_t>(tokenizer.encode(text.segments[i], i == 0).size()));
  }
  const auto kept = kept_segments(text, lengths, context, place);
  TrainingExample example{.tokens = {tokenizer.begin_token()}, .learned = {false}};
  for (std::size_t i = 0; i < text.segments.size(); ++i) {
    if (!kept[i]) {
      ++dropped;
      continue;
    }
    const auto& tokens = tokenizer.encode(text.segments[i], i == 0);
    example.tokens.insert(example.tokens.end(), tokens.begin(), tokens.end());
    example.learned.insert(example.learned.end(), tokens.size(), text.learn[i]);
  }
  if (text.end) {
    example.tokens.push_back(tokenizer.end_token());
    example.learned.push_back(!text.learn.empty() && text.learn.back());
  }
  return example;
}

}  // namespace

EncodedTexts encode_texts(std::span<const TrainingText> texts, const Tokenizer& tokenizer, std::int64_t context) {
  EncodedTexts encoded;
  for (std::size_t place = 0; place < texts.size(); ++place) {
    std::int64_t dropped = 0;
    auto example = encode(texts[place], tokenizer, context, place, dropped);
    const auto learned = std::count(example.learned.begin(), example.learned.end(), true);
    if (dropped > 0) ++encoded.shortened;
    encoded.dropped_segments += dropped;
    encoded.learned_tokens += learned;
    if (learned == 0) {
      ++encoded.without_learned;
    } else {
      encoded.examples.push_back(std::move(example));
    }
  }
  return encoded;
}

}  // namespace llama4rec::llm
