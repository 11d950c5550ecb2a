#include "llm/tokenizer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "llm/chat_template.h"

namespace llama4rec::llm {
namespace {

constexpr std::size_t kCachedSegments = 200'000;

/// The first of the marks in `text`: its place, or npos.
std::size_t find_mark(std::string_view text, const std::vector<std::string>& marks) {
  auto first = std::string_view::npos;
  for (const auto& mark : marks) first = std::min(first, text.find(mark));
  return first;
}

}  // namespace

void Tokenizer::set_begin_token(std::optional<Token> token) {
  begin_token_ = token;
  prompt_begin_.clear();
  if (token) prompt_begin_.push_back(*token);
}

void Tokenizer::set_end_tokens(std::vector<Token> tokens) {
  if (tokens.empty()) throw InternalError("a tokeniser needs an end token");
  end_tokens_ = std::move(tokens);
}

std::optional<Token> Tokenizer::named_token(std::string_view name) const {
  const auto found = named_tokens_.find(name);
  return found == named_tokens_.end() ? std::nullopt : std::optional(found->second);
}

std::string Tokenizer::name_of(Token token) const {
  for (const auto& [name, named] : named_tokens_) {
    if (named == token) return name;
  }
  return "";
}

const std::vector<Token>& Tokenizer::encode(const std::string& segment, bool first) const {
  auto& cache = cache_[first ? 1 : 0];
  if (const auto known = cache.find(segment); known != cache.end()) return known->second;
  std::vector<Token> tokens;
  std::string_view rest = segment;
  for (auto mark = find_mark(rest, guarded_); mark != std::string_view::npos; mark = find_mark(rest, guarded_)) {
    encode_text(rest.substr(0, mark), first && tokens.empty(), tokens);
    encode_byte(rest[mark], tokens);
    rest.remove_prefix(mark + 1);
  }
  encode_text(rest, first && tokens.empty(), tokens);
  if (cache.size() >= kCachedSegments) cache.clear();
  return cache.emplace(segment, std::move(tokens)).first->second;
}

std::vector<Token> Tokenizer::encode_prompt(const std::vector<std::string>& segments) const {
  auto tokens = prompt_begin_;
  for (const auto& segment : segments) {
    const bool first = tokens.size() == prompt_begin_.size() && prompt_starts_text_;
    const auto& part = encode(segment, first);
    tokens.insert(tokens.end(), part.begin(), part.end());
  }
  tokens.insert(tokens.end(), prompt_end_.begin(), prompt_end_.end());
  if (tokens.empty()) throw UsageError("an empty prompt, and the tokeniser has no begin token to put before it");
  return tokens;
}

void Tokenizer::set_chat_template(const ChatTemplate& chat, const std::string& system_text) {
  const auto named = [&](const std::string& name) {
    const auto token = named_token(name);
    if (!token) {
      throw UsageError(
          fmt::format("the chat template {} needs the control token {}, which the tokeniser lacks", chat.name, name));
    }
    return *token;
  };
  std::vector<ChatPart> parts = chat.opening;
  if (!system_text.empty()) {
    parts.insert(parts.end(), chat.system_opening.begin(), chat.system_opening.end());
    parts.push_back({.kind = ChatPart::Kind::kText, .text = system_text});
    parts.insert(parts.end(), chat.system_closing.begin(), chat.system_closing.end());
  }
  parts.insert(parts.end(), chat.question.begin(), chat.question.end());

  guarded_.clear();  // the template's own text is no data
  for (auto& cache : cache_) cache.clear();
  std::string text;  // neighbouring texts are encoded together, as other programs encode the written-out template
  bool first = true;
  const auto flush = [&](std::vector<Token>& tokens) {
    encode_text(text, first, tokens);
    first = first && text.empty();
    text.clear();
  };
  const auto append = [&](const std::vector<ChatPart>& all, std::vector<Token>& tokens) {
    for (const auto& part : all) {
      if (part.kind == ChatPart::Kind::kText) {
        text += part.text;
        continue;
      }
      flush(tokens);
      if (part.kind == ChatPart::Kind::kControl) tokens.push_back(named(part.text));
      if (part.kind == ChatPart::Kind::kBegin && begin_token_) tokens.push_back(*begin_token_);
    }
  };
  prompt_begin_.clear();
  prompt_end_.clear();
  append(parts, prompt_begin_);
  // A blank before the prompt becomes part of the prompt's first piece, where the tokeniser puts blanks before words.
  prompt_starts_text_ = blank_first_ && text.ends_with(' ');
  if (prompt_starts_text_) text.pop_back();
  flush(prompt_begin_);
  first = false;
  append(chat.answer, prompt_end_);
  flush(prompt_end_);
  if (!chat.end.empty()) {
    const auto end = named(chat.end);
    std::erase(end_tokens_, end);
    end_tokens_.insert(end_tokens_.begin(), end);
  }
  guarded_ = chat.text_marks;
}

std::string Tokenizer::decode(const std::vector<Token>& tokens) const {
  std::string text;
  for (const Token token : tokens) {
    if (token < 0 || token >= vocabulary()) {
      throw UsageError(fmt::format("token {} lies outside the vocabulary of {} pieces", token, vocabulary()));
    }
    text += token_bytes_[static_cast<std::size_t>(token)];
  }
  // The blank that the model puts before a text is none of the text's own.
  if (blank_first_ && !text.empty() && text.front() == ' ') text.erase(0, 1);
  return text;
}

}  // namespace llama4rec::llm
