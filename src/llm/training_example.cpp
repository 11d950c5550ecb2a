#include "llm/training_example.h"

#include <algorithm>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::llm {
namespace {

/// What stands around the segments. A chat template frames texts that ask and answer: those that begin with a part which is only read.
struct Frame {
  std::vector<Token> before;
  std::vector<Token> behind_question;
  std::size_t question = 0;  ///< segments before `behind_question`
  bool starts_text = true;   ///< the first segment is encoded as such

  [[nodiscard]] std::int64_t length() const {
    return static_cast<std::int64_t>(before.size() + behind_question.size());
  }
};

Frame frame_of(const TrainingText& text, const Tokenizer& tokenizer) {
  const auto learned = std::find(text.learn.begin(), text.learn.end(), true);
  const auto question = static_cast<std::size_t>(learned - text.learn.begin());
  if (question > 0 && learned != text.learn.end()) {
    return {.before = tokenizer.prompt_begin(),
            .behind_question = tokenizer.prompt_end(),
            .question = question,
            .starts_text = tokenizer.prompt_starts_text()};
  }
  Frame plain;
  if (const auto begin = tokenizer.begin_token()) plain.before.push_back(*begin);
  return plain;
}

/// Which segments stay: drops the oldest unlearned ones until the rest fits.
std::vector<bool> kept_segments(const TrainingText& text, const std::vector<std::int64_t>& lengths, std::int64_t fixed,
                                std::int64_t context, std::size_t place) {
  std::int64_t total = fixed + (text.end ? 1 : 0);
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
  const auto frame = frame_of(text, tokenizer);
  const auto encoded = [&](std::size_t i) -> const std::vector<Token>& {
    return tokenizer.encode(text.segments[i], i == 0 && frame.starts_text);
  };
  std::vector<std::int64_t> lengths;
  for (std::size_t i = 0; i < text.segments.size(); ++i) {
    lengths.push_back(static_cast<std::int64_t>(encoded(i).size()));
  }
  const auto kept = kept_segments(text, lengths, frame.length(), context, place);
  TrainingExample example;
  const auto append = [&](const std::vector<Token>& tokens, bool learned) {
    example.tokens.insert(example.tokens.end(), tokens.begin(), tokens.end());
    example.learned.insert(example.learned.end(), tokens.size(), learned);
  };
  append(frame.before, false);
  for (std::size_t i = 0; i < text.segments.size(); ++i) {
    if (i == frame.question) append(frame.behind_question, false);
    if (kept[i]) {
      append(encoded(i), text.learn[i]);
    } else {
      ++dropped;
    }
  }
  if (text.end) {
    example.tokens.push_back(tokenizer.end_token());
    example.learned.push_back(!text.learn.empty() && text.learn.back());
  }
  if (!example.learned.empty()) example.learned.front() = false;  // nothing stands before it
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
