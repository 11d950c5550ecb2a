// Errors as the OpenAI API tells them.
#pragma once

#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

namespace llama4rec::service {

/// A request that gets no answer: HTTP status, and what the error document says.
class ApiError : public std::runtime_error {
 public:
  ApiError(int status, const std::string& message, const std::string& parameter = "", const std::string& code = "");
  [[nodiscard]] int status() const { return status_; }
  /// {"error": {"message", "type", "param", "code"}}
  [[nodiscard]] nlohmann::ordered_json document() const;

 private:
  int status_;
  std::string parameter_;
  std::string code_;
};

}  // namespace llama4rec::service
