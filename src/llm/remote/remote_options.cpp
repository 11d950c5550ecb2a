#include "llm/remote/remote_options.h"

namespace llama4rec::llm {

void RemoteOptions::declare(config::OptionVisitor& visit) {
  visit.option("llm.endpoints", endpoints, config::anything(),
               "Remote: base addresses of servers with the OpenAI API, such as http://host:8000/v1; the load is spread "
               "over them.");
  visit.option("llm.remote_model", model, config::anything(), "Remote: the model's name at the servers.");
  visit.option("llm.key_variable", key_variable, config::anything(),
               "Remote: the environment variable that holds the servers' key; unset: no key is sent.");
  visit.option("llm.api", api, config::one_of({"chat", "completions"}),
               "Remote: chat (/chat/completions) or plain continuation (/completions).");
  visit.option(
      "llm.constraint", constraint,
      config::one_of({"auto", "none", "structured_outputs", "guided_choice", "grammar", "response_format", "native"}),
      "Remote: how an answer is bound to its options: structured_outputs (vLLM from 0.11 on), guided_choice (vLLM "
      "before 0.12), grammar (llama.cpp), response_format (JSON schema), native (llama4rec llm serve), none (answers "
      "are parsed); auto asks the server once.");
  visit.option("llm.on_failure", on_failure, config::one_of({"retry", "fallback", "drop"}),
               "Remote: an answer that cannot be read: ask again llm.answer_retries times, then take the options' own "
               "order; take it at once; or drop the question.");
  visit.option("llm.answer_retries", answer_retries, config::between(0, 100),
               "Remote: how often a question is asked again whose answer cannot be read (llm.on_failure: retry).");
  visit.option("llm.concurrency", concurrency, config::between(1, 10000), "Remote: most requests in flight.");
  visit.option("llm.timeout", timeout_s, config::between(0.001, 86400), "Remote: seconds that one request may take.");
  visit.option("llm.connect_timeout", connect_timeout_s, config::between(0.001, 3600),
               "Remote: seconds that a connection may take.");
  visit.option("llm.retries", retries, config::between(0, 1000),
               "Remote: how often a request is sent again after a failure of server or network.");
  visit.option("llm.backoff", backoff_s, config::between(0.001, 3600),
               "Remote: seconds before the first repetition; doubled each time, with jitter.");
  visit.option("llm.backoff_limit", backoff_limit_s, config::between(0.001, 86400),
               "Remote: most seconds between repetitions, where the server does not ask for more.");
  visit.option("llm.retry_after_limit", retry_after_limit_s, config::between(0, 604800),
               "Remote: a server that asks to wait longer than these seconds (Retry-After) ends the run.");
  visit.option("llm.requests_per_minute", requests_per_minute, config::between(0, 1e9),
               "Remote: most requests in a minute; 0 = no limit.");
  visit.option("llm.tokens_per_minute", tokens_per_minute, config::between(0, 1e12),
               "Remote: most tokens of prompts and answers in a minute; 0 = no limit.");
  visit.option("llm.temperature", temperature, config::between(0, 2), "Remote: sampling temperature; 0 = greedy.");
  visit.option("llm.price_input", price_input, config::between(0, 1e9), "Remote: price of a million prompt tokens.");
  visit.option("llm.price_output", price_output, config::between(0, 1e9), "Remote: price of a million answer tokens.");
  visit.option("llm.remote_context", context, config::between(0, 1e9),
               "Remote: most tokens of prompt and answer; 0 = what the server reports (max_model_len), else 4096.");
  visit.option(
      "llm.answer_tokens", answer_tokens, config::between(0, 1e9),
      "Remote: most tokens of an answer that is bound to options; 0 = as many as the options need. Models that "
      "reason before they answer need more.");
  visit.option("llm.bytes_per_token", bytes_per_token, config::between(0.1, 100),
               "Remote: bytes of text that are taken for one token where lengths must be estimated.");
  visit.option("llm.token_limit_field", token_limit_field, config::one_of({"max_tokens", "max_completion_tokens"}),
               "Remote: the field of a chat request that limits the answer; newer hosted models want the second.");
  visit.option("llm.system_prompt", system_prompt, config::anything(),
               "Remote: a system message before every chat prompt; empty: none.");
}

}  // namespace llama4rec::llm
