#include "llm/remote/remote_account.h"

#include <fmt/format.h>

#include "core/text.h"

namespace llama4rec::llm {

double RemoteAccount::cost() const {
  constexpr double kMillion = 1e6;
  return (static_cast<double>(prompt_tokens) * price_input + static_cast<double>(answer_tokens) * price_output) /
         kMillion;
}

std::string RemoteAccount::line() const {
  std::string text =
      fmt::format("{} questions, {} answered", text::with_thousands(questions), text::with_thousands(answered));
  const auto add = [&](std::int64_t count, const char* what) {
    if (count > 0) text += fmt::format(", {} {}", text::with_thousands(count), what);
  };
  add(repaired, "repaired");
  add(fallbacks, "fallbacks to the options' own order");
  add(dropped, "dropped");
  text += fmt::format("; {} requests", text::with_thousands(requests));
  add(probes, "to probe");
  add(repeated, "repeated");
  add(asked_again, "asked again");
  add(unparsable, "unreadable answers");
  add(invalid_documents, "responses without a document");
  add(timeouts, "time-outs");
  for (const auto& [status, count] : statuses) {
    text +=
        status == 0 ? fmt::format(", {} without a response", count) : fmt::format(", {} with status {}", count, status);
  }
  text +=
      fmt::format("; {} tokens in, {} out", text::with_thousands(prompt_tokens), text::with_thousands(answer_tokens));
  add(estimated_usages, "responses' tokens estimated");
  if (price_input > 0 || price_output > 0) text += fmt::format(", cost {:.4f}", cost());
  return text;
}

nlohmann::ordered_json to_json(const RemoteAccount& account) {
  nlohmann::ordered_json statuses = nlohmann::ordered_json::object();
  for (const auto& [status, count] : account.statuses) statuses[fmt::format("{}", status)] = count;
  return {{"questions", account.questions},
          {"answered", account.answered},
          {"repaired", account.repaired},
          {"fallbacks", account.fallbacks},
          {"dropped", account.dropped},
          {"requests", account.requests},
          {"probes", account.probes},
          {"repeated", account.repeated},
          {"asked_again", account.asked_again},
          {"unparsable", account.unparsable},
          {"invalid_documents", account.invalid_documents},
          {"timeouts", account.timeouts},
          {"statuses", statuses},
          {"prompt_tokens", account.prompt_tokens},
          {"answer_tokens", account.answer_tokens},
          {"estimated_usages", account.estimated_usages},
          {"cost", account.cost()}};
}

}  // namespace llama4rec::llm
