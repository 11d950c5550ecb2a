// Options of a language model behind servers with the OpenAI API. docs/remote.md tells how they work together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/options.h"

namespace llama4rec::llm {

/// The key is no option on purpose: options are logged and stored. `key_variable` names the environment variable that holds it.
struct RemoteOptions {
  std::vector<std::string> endpoints;
  std::string model;
  std::string key_variable = "OPENAI_API_KEY";
  std::string api = "chat";
  std::string constraint = "auto";
  std::string on_failure = "retry";
  std::int64_t answer_retries = 2;
  std::int64_t concurrency = 8;
  double timeout_s = 300;
  double connect_timeout_s = 10;
  std::int64_t retries = 6;
  double backoff_s = 1;
  double backoff_limit_s = 60;
  double retry_after_limit_s = 600;
  std::int64_t requests_per_minute = 0;
  std::int64_t tokens_per_minute = 0;
  double temperature = 0;
  double price_input = 0;
  double price_output = 0;
  std::int64_t context = 0;
  std::int64_t answer_tokens = 0;
  double bytes_per_token = 3;
  std::string token_limit_field = "max_tokens";
  std::string system_prompt;
  void declare(config::OptionVisitor& visit);  // "llm.endpoints", ...
};

}  // namespace llama4rec::llm
