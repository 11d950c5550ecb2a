// What was asked of remote servers and what came back: nothing that goes wrong stays uncounted.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

namespace llama4rec::llm {

struct RemoteAccount {
  std::int64_t questions = 0;  ///< asked by the caller
  std::int64_t answered = 0;   ///< with an answer that could be read
  std::int64_t repaired = 0;   ///< of these, read with tolerance (answer_parser.h)
  std::int64_t fallbacks = 0;  ///< the options' own order in an answer's place
  std::int64_t dropped = 0;    ///< no answer (llm.on_failure: drop, and free text and choices that fall back)

  std::int64_t requests = 0;           ///< sent, the probe's included
  std::int64_t probes = 0;             ///< of these, to learn what the server can
  std::int64_t repeated = 0;           ///< of these, because server or network failed
  std::int64_t asked_again = 0;        ///< of these, because an answer could not be read
  std::int64_t unparsable = 0;         ///< answers that could not be read
  std::int64_t invalid_documents = 0;  ///< status 200 without a usable document
  std::int64_t timeouts = 0;
  std::map<long, std::int64_t> statuses;  ///< responses by HTTP status; 0 = none came (time-outs, cut connections)

  std::int64_t prompt_tokens = 0;  ///< of every response that was paid for, the unusable ones included
  std::int64_t answer_tokens = 0;
  std::int64_t estimated_usages = 0;  ///< responses whose tokens the server did not tell: estimated
  double price_input = 0;             ///< of a million tokens
  double price_output = 0;

  [[nodiscard]] double cost() const;
  /// For people: one line that names everything that is not zero.
  [[nodiscard]] std::string line() const;
};

nlohmann::ordered_json to_json(const RemoteAccount& account);

}  // namespace llama4rec::llm
