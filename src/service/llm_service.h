// `llm serve`: a language model behind the OpenAI API over HTTP.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "service/serve_options.h"
#include "service/served_model.h"

namespace llama4rec::service {

///   GET /v1/models, POST /v1/chat/completions, POST /v1/completions (streamed on request), GET /health, GET /metrics
/// With a key, all but /health want `Authorization: Bearer KEY`.
class LlmService {
 public:
  /// Listens from now on. The model must outlive it. UsageError where the address cannot be listened at.
  LlmService(ServedModel& model, const std::string& name, const ServeOptions& options, const std::string& key);
  /// Stops at once.
  ~LlmService();
  LlmService(const LlmService&) = delete;
  LlmService& operator=(const LlmService&) = delete;
  LlmService(LlmService&&) = delete;
  LlmService& operator=(LlmService&&) = delete;

  [[nodiscard]] int port() const;
  /// New requests are refused with 503 from now on; true once all others have their responses, false where `seconds` were not enough.
  bool drain(double seconds);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether only this machine reaches the address.
bool is_loopback(const std::string& host);

}  // namespace llama4rec::service
