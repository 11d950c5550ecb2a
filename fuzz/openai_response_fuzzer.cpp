// LAYERS: core config SOURCES: src/llm/remote/openai_protocol.cpp src/llm/remote/answer_constraint.cpp src/llm/remote/answer_parser.cpp src/llm/remote/server_model.cpp src/llm/remote/backoff.cpp
// What remote servers answer: read, or refused as data; an order is always a permutation.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <llama4rec/error.h>

#include "llm/remote/answer_parser.h"
#include "llm/remote/backoff.h"
#include "llm/remote/openai_protocol.h"
#include "llm/remote/server_model.h"

namespace {

using namespace llama4rec;

void check_order(const AnswerGrammar& grammar, const std::vector<std::int64_t>& order) {
  if (order.empty()) return;
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) std::abort();
  if (sorted.front() < 0 || sorted.back() >= static_cast<std::int64_t>(grammar.options.size())) std::abort();
  const std::size_t expected = grammar.kind == AnswerKind::kChoice ? 1 : grammar.options.size();
  if (order.size() != expected) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  CompletionRequest request;
  request.grammar = {.kind = (data[0] & 1U) != 0 ? AnswerKind::kChoice : AnswerKind::kPermutation,
                     .options = {"Heat (1995)", "12 Monkeys", "3", "3.5", "Steins; Gate", "It", "IT", "caf\xE9"},
                     .separator = "; "};
  check_order(request.grammar, llm::parse_answer(request.grammar, text).order);
  (void)llm::error_message(text);
  (void)llm::error_code(text);
  if (const auto seconds = llm::parse_retry_after(text, 1e9); seconds && !(*seconds >= 0)) std::abort();
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (document.is_discarded()) return 0;
  (void)llm::read_models(document);
  llm::RequestForm form{.model = "m", .chat = (data[0] & 2U) != 0};
  if ((data[0] & 4U) != 0) form.constraint = llm::ConstraintKind::kNative;
  try {
    const auto answer = llm::read_answer(form, request, document);
    check_order(request.grammar, answer.order);
    const auto probabilities = answer.option_log_probabilities.size();
    if (probabilities != 0 && probabilities != request.grammar.options.size()) std::abort();
  } catch (const DataError&) {
    return 0;
  }
  return 0;
}
