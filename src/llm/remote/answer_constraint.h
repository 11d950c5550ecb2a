// How a server is told what an answer may be: the forms that engines understand.
#pragma once

#include <optional>
#include <string>

#include <llama4rec/language_model.h>
#include <nlohmann/json.hpp>

namespace llama4rec::llm {

enum class ConstraintKind {
  kNone,               ///< the answer is parsed
  kStructuredOutputs,  ///< vLLM from 0.11 on: `structured_outputs` with `choice`; an order of many options: with `grammar`
  kGuidedChoice,       ///< vLLM before 0.12: `guided_choice`; an order of many options: `guided_json`
  kGrammar,            ///< llama.cpp: `grammar` in GBNF
  kResponseFormat,     ///< `response_format` with a JSON schema
  kNative,             ///< llama4rec llm serve: `llama4rec`, the grammar itself and the prompt's segments
};

/// "none", "structured_outputs", "guided_choice", "grammar", "response_format", "native".
std::string to_string(ConstraintKind kind);
/// Nothing for "auto".
std::optional<ConstraintKind> constraint_from(const std::string& name);

/// Adds what binds the answer to a request's body; nothing for free text, but for kNative.
void add_constraint(ConstraintKind kind, const CompletionRequest& request, nlohmann::json& body);

/// What is added to the prompt so that a model knows the form it is bound to; empty where none is needed.
std::string constraint_instruction(ConstraintKind kind, const AnswerGrammar& grammar);

/// {"type": "object", "properties": {"answer": ...}}: one of the options, or an array of them (a schema cannot say "each once" in a
/// form that engines share; repeated ones are read by answer_parser.h).
nlohmann::json answer_schema(const AnswerGrammar& grammar);

/// The grammar in llama.cpp's GBNF, which vLLM's xgrammar reads too. Up to 6 options an order is exactly a permutation; with more,
/// options may repeat.
std::string answer_gbnf(const AnswerGrammar& grammar);

}  // namespace llama4rec::llm
