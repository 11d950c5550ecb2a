// LAYERS: core SOURCES: src/service/api_request.cpp src/service/request_grammar.cpp src/service/api_error.cpp src/service/api_response.cpp
// Requests that clients send to `llm serve`: read, or refused with an error of the API; never anything else.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "service/api_error.h"
#include "service/api_request.h"
#include "service/api_response.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llama4rec;
  if (size == 0) return 0;
  const bool chat = (data[0] & 1U) != 0;
  auto document = nlohmann::json::parse(data + 1, data + size, nullptr, false);
  if (document.is_discarded()) return 0;
  if (document.is_object() && !document.contains("model")) document["model"] = "m";
  try {
    const auto request = service::read_request(document, chat, {.model = "m", .answer_tokens = 100});
    const auto& grammar = request.completion.grammar;
    if (request.completion.maximum_tokens < 1 || request.completion.maximum_tokens > 100) std::abort();
    if (request.bound() && grammar.options.empty()) std::abort();
    if (grammar.generate_first < 0 || grammar.generate_first > static_cast<std::int64_t>(grammar.options.size())) {
      std::abort();
    }
    Completion completion{.text = "x"};
    for (std::size_t i = 0; i < grammar.options.size(); ++i) completion.order.push_back(static_cast<std::int64_t>(i));
    const service::TextPiece piece{.text = service::render_answer(request, completion)};
    const service::ApiAnswer answer{.piece = piece, .completion = completion};
    (void)service::stream_piece(request, {.id = "i", .model = "m"}, piece);
    (void)service::stream_end(request, {.id = "i", .model = "m"}, answer);
  } catch (const service::ApiError& error) {
    if (error.status() != 400 && error.status() != 404) std::abort();
    (void)error.document().dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  return 0;
}
