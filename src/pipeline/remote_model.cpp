#include "pipeline/remote_model.h"

#include "core/log.h"

namespace llama4rec::pipeline {

std::unique_ptr<llm::RemoteLlm> connect_remote_model(const RunSetup& setup, std::uint64_t seed) {
  if (!setup.run.remote()) return nullptr;
  auto model = llm::RemoteLlm::connect(setup.configuration.read<llm::RemoteOptions>(), seed);
  log::warn("what the remote model {} was trained on is not known: it may have read what the test asks for",
            model->description().model);
  if (model->option_probabilities() == OptionProbabilities::kNone) {
    log::warn("it tells no log-probabilities: the ranking methods first and pointwise are left out");
  } else if (model->option_probabilities() == OptionProbabilities::kChoices) {
    log::warn("it tells log-probabilities of choices only: the ranking method first is left out");
  }
  return model;
}

StageResult remote_model_stage(StageStore& store, const RunSetup& setup, const llm::RemoteLlm& model) {
  const std::vector<std::string> dependencies{
      "remote model=" + model.fingerprint(),
      setup.configuration.canonical({"llm.on_failure", "llm.answer_retries", "llm.answer_tokens", "llm.bytes_per_token",
                                     "llm.remote_context", "llm.token_limit_field"})};
  return store.run("remote-model", dependencies, [&](StageFolder& stage) {
    const auto& description = model.description();
    stage.summary["model"] = description.model;
    stage.summary["constraint"] = description.constraint;
    stage.summary["probe"] = description.probe;
    stage.summary["alternatives"] = description.alternatives;
    stage.summary["context"] = description.context;
  });
}

}  // namespace llama4rec::pipeline
