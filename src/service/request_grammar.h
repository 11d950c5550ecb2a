// The ways in which a request binds its answer to options.
#pragma once

#include <nlohmann/json.hpp>

#include "service/api_request.h"

namespace llama4rec::service {

/// Reads `guided_choice` (a list of texts), `guided_json` and `response_format` (a JSON schema: an enumeration of texts, an array
/// of a fixed number of them, each once, or an object with one such member), `structured_outputs` (an object with `choice` or `json`, which are as
/// these) and `llama4rec` (the grammar itself and the prompt's segments). ApiError where there are several, or one that cannot be
/// served.
void read_grammar(const nlohmann::json& document, ApiRequest& request);

}  // namespace llama4rec::service
