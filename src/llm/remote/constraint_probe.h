// What a server can do is found out by asking it, once.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "llm/remote/openai_protocol.h"

namespace llama4rec::llm {

/// Sends one probing request; nothing where the server refuses it or gives no document.
using ProbeCall = std::function<std::optional<RemoteAnswer>(const RequestForm& form, const CompletionRequest& request)>;

struct ProbeResult {
  ConstraintKind constraint = ConstraintKind::kNone;
  std::string found;  ///< for people: what was tried and what came back
};

/// Asks for the capital of France and lets each constraint in turn allow two made-up words only: a server that has the constraint answers
/// with one of them, a server that does not know the field answers "Paris" or refuses. The order is structured_outputs,
/// guided_choice, grammar, response_format.
ProbeResult probe_constraint(const RequestForm& form, const ProbeCall& call);

/// How many alternatives of a token the server tells (20, 5 or none): whether a choice of "1" and "2" comes with both probabilities.
std::int64_t probe_log_probabilities(const RequestForm& form, const ProbeCall& call);

}  // namespace llama4rec::llm
