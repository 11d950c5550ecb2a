#include "prompts/fit_context.h"

#include <memory>
#include <string>
#include <unordered_map>

#include "prompts/templates.h"

namespace llama4rec::prompts {

TokenCounter remembering(TokenCounter count) {
  auto known = std::make_shared<std::unordered_map<std::string, std::int64_t>>();
  return [known, count = std::move(count)](const std::string& segment) {
    const auto [place, fresh] = known->try_emplace(segment, 0);
    if (fresh) place->second = count(segment);
    return place->second;
  };
}

std::vector<llm::TrainingText> cut_to_fit(const llm::TrainingText& text, std::int64_t most_tokens,
                                          const TokenCounter& count) {
  llm::TrainingText head{.segments = {}, .learn = {}, .end = text.end};
  std::int64_t head_tokens = 2;  // the begin and the end token
  std::size_t next = 0;
  for (; next < text.segments.size() && !text.learn[next]; ++next) {
    head.segments.push_back(text.segments[next]);
    head.learn.push_back(false);
    head_tokens += count(text.segments[next]);
  }
  std::vector<llm::TrainingText> pieces{head};
  std::int64_t tokens = head_tokens;
  while (next < text.segments.size()) {
    // An item: everything up to and including the next separator.
    std::size_t end = next;
    std::int64_t item_tokens = 0;
    do {
      item_tokens += count(text.segments[end]);
    } while (text.segments[end++] != kSeparator && end < text.segments.size());
    if (tokens + item_tokens > most_tokens && tokens > head_tokens) {
      pieces.push_back(head);
      tokens = head_tokens;
    }
    for (; next < end; ++next) {
      pieces.back().segments.push_back(text.segments[next]);
      pieces.back().learn.push_back(text.learn[next]);
    }
    tokens += item_tokens;
  }
  return pieces;
}

}  // namespace llama4rec::prompts
