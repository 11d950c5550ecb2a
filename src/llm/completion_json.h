// Requests and completions as JSON, for the journal.
#pragma once

#include <string>

#include <llama4rec/language_model.h>

namespace llama4rec::llm {

/// Everything of the request that decides its answer, unambiguously (lengths, not separators): the journal hashes it.
std::string canonical_request(const CompletionRequest& request);

/// The completion as JSON, numbers exactly; -infinity is written as null.
std::string completion_to_json(const Completion& completion);
/// InternalError when the text is no such JSON.
Completion completion_from_json(const std::string& json);

}  // namespace llama4rec::llm
