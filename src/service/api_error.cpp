#include "service/api_error.h"

namespace llama4rec::service {
namespace {

/// OpenAI's names.
const char* type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

nlohmann::ordered_json text_or_null(const std::string& text) {
  nlohmann::ordered_json value;
  if (!text.empty()) value = text;
  return value;
}

}  // namespace

ApiError::ApiError(int status, const std::string& message, const std::string& parameter, const std::string& code)
    : std::runtime_error(message), status_(status), parameter_(parameter), code_(code) {}

nlohmann::ordered_json ApiError::document() const {
  nlohmann::ordered_json error;
  error["message"] = what();
  error["type"] = type_of(status_);
  error["param"] = text_or_null(parameter_);
  error["code"] = text_or_null(code_);
  nlohmann::ordered_json document;
  document["error"] = error;
  return document;
}

}  // namespace llama4rec::service
