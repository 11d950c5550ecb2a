#include "pipeline/language_model_note.h"

#include <cstdint>

#include <fmt/format.h>

#include "core/text.h"

namespace llama4rec::pipeline {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

Json language_model_facts(const RunSetup& setup, const Json& summaries) {
  Json facts{{"kind", setup.run.llm_kind}};
  if (setup.checkpoint) {
    facts["name"] = setup.checkpoint->name;
    facts["parameters"] = setup.checkpoint->parameters;
    facts["fingerprint"] = setup.checkpoint->fingerprint;
  } else if (summaries.contains("remote-model")) {
    facts["name"] = summaries.at("remote-model").at("model");
  } else if (summaries.contains("pretrain")) {
    facts["parameters"] = summaries.at("pretrain").at("parameters");
  }
  facts["tuned"] = setup.tunes;
  facts["pretraining"] = setup.run.llm_kind == "embedded" ? "this run" : "unknown";
  return facts;
}

std::string language_model_sentence(const Json& facts) {
  const bool unknown = facts.at("pretraining") == "unknown";
  std::string text = "Language model: ";
  text += facts.contains("name") ? facts.at("name").get<std::string>() : std::string("made on the spot");
  if (facts.at("kind") != "embedded") text += fmt::format(" ({})", facts.at("kind").get<std::string>());
  if (facts.contains("parameters")) {
    text += fmt::format(", {} parameters", text::with_thousands(facts.at("parameters").get<std::int64_t>()));
  }
  if (facts.contains("fingerprint")) {
    text += ", fingerprint " + facts.at("fingerprint").get<std::string>().substr(0, 8);
  }
  text += facts.at("tuned").get<bool>() ? ", tuned on this run's instructions." : ", not tuned.";
  if (unknown) text += " What it was pre-trained on is not known: it may have read what the test asks for.";
  return text;
}

}  // namespace llama4rec::pipeline
