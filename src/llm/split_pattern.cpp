#include "llm/split_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::llm {
namespace {

constexpr std::size_t kLongestPattern = 10'000;
constexpr std::uint32_t kMostSteps = 1'000'000;     // of one match
constexpr std::uint32_t kMostHeap = 16 * 1024;      // KiB, where there is no compiler for the machine
constexpr std::size_t kLargestStack = 1024 * 1024;  // bytes, of compiled patterns
constexpr std::size_t kSmallestStack = 32 * 1024;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 200> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

/// PCRE2's \s takes U+180E for a blank, which Unicode no longer does; the property means what tokenizer.json's \s means.
std::string with_unicode_blanks(std::string_view pattern) {
  std::string result;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    result += pattern[at];
    if (pattern[at] != '\\' || at + 1 == pattern.size()) continue;
    ++at;
    if (pattern[at] == 's' || pattern[at] == 'S') {
      result += pattern[at] == 's' ? "p{White_Space}" : "P{White_Space}";
    } else {
      result += pattern[at];
    }
  }
  return result;
}

}  // namespace

struct SplitPattern::Compiled {
  std::unique_ptr<pcre2_code, Freed<pcre2_code_free>> code;
  std::unique_ptr<pcre2_match_data, Freed<pcre2_match_data_free>> match;
  std::unique_ptr<pcre2_match_context, Freed<pcre2_match_context_free>> context;
  std::unique_ptr<pcre2_jit_stack, Freed<pcre2_jit_stack_free>> stack;
};

SplitPattern::SplitPattern(const std::string& pattern, std::string origin) : origin_(std::move(origin)) {
  if (pattern.size() > kLongestPattern) {
    throw DataError({.file = origin_},
                    fmt::format("a split pattern of {} bytes, expected at most {}", pattern.size(), kLongestPattern));
  }
  const std::unique_ptr<pcre2_compile_context, Freed<pcre2_compile_context_free>> settings(
      pcre2_compile_context_create(nullptr));
  pcre2_set_newline(settings.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE place = 0;
  auto compiled = std::make_unique<Compiled>();
  const auto translated = with_unicode_blanks(pattern);
  compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &place,
                                     settings.get()));
  if (!compiled->code) {
    throw DataError({.file = origin_},
                    fmt::format("the split pattern is not understood at its byte {}: {}", place, message_of(error)));
  }
  (void)pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE);  // without it the pattern is interpreted
  compiled->match.reset(pcre2_match_data_create_from_pattern(compiled->code.get(), nullptr));
  compiled->context.reset(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(compiled->context.get(), kMostSteps);
  pcre2_set_depth_limit(compiled->context.get(), kMostSteps);
  pcre2_set_heap_limit(compiled->context.get(), kMostHeap);
  compiled->stack.reset(pcre2_jit_stack_create(kSmallestStack, kLargestStack, nullptr));
  pcre2_jit_stack_assign(compiled->context.get(), nullptr, compiled->stack.get());
  compiled_ = std::move(compiled);
}

SplitPattern::~SplitPattern() = default;
SplitPattern::SplitPattern(SplitPattern&&) noexcept = default;
SplitPattern& SplitPattern::operator=(SplitPattern&&) noexcept = default;

void SplitPattern::split(std::string_view text, std::vector<std::string_view>& parts) const {
  std::size_t done = 0;  // everything before it is in `parts`
  const auto cut = [&](std::size_t end) {
    if (end > done) parts.push_back(text.substr(done, end - done));
    done = end;
  };
  std::size_t from = 0;
  while (from <= text.size() && done < text.size()) {
    const int found = pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                                  PCRE2_NO_UTF_CHECK, compiled_->match.get(), compiled_->context.get());
    if (found == PCRE2_ERROR_NOMATCH) break;
    const auto* bounds = pcre2_get_ovector_pointer(compiled_->match.get());
    // \K can move a match's beginning behind its end or before the last match.
    if (found < 0 || bounds[0] < done || bounds[1] < bounds[0]) {
      throw DataError({.file = origin_}, fmt::format("the split pattern fails on a text of {} bytes: {}", text.size(),
                                                     found < 0 ? message_of(found) : "it steps backwards"));
    }
    cut(bounds[0]);
    cut(bounds[1]);
    from = bounds[1];
    if (bounds[0] == bounds[1]) {  // an empty match only cuts; the search goes on behind the next character
      do {
        ++from;
      } while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80);
    }
  }
  cut(text.size());
}

}  // namespace llama4rec::llm
