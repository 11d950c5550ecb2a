// Options of `llm serve`.
#pragma once

#include <cstdint>
#include <string>

#include "config/options.h"

namespace llama4rec::service {

struct ServeOptions {
  std::string host = "127.0.0.1";
  std::int64_t port = 8080;
  std::string key_variable = "LLAMA4REC_SERVE_KEY";
  std::int64_t body_bytes = 4 << 20;
  std::int64_t prompt_tokens = 0;
  std::int64_t answer_tokens = 4096;
  std::int64_t queue = 64;
  std::int64_t batch = 32;
  void declare(config::OptionVisitor& visit);  // "serve.host", ...
};

}  // namespace llama4rec::service
