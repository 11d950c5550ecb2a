#include "pipeline/run_cost.h"

#include <array>
#include <map>

#include <llama4rec/error.h>

namespace llama4rec::pipeline {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kGroups{CostGroup::kBase,   CostGroup::kInstructions, CostGroup::kPretraining,
                             CostGroup::kTuning, CostGroup::kAugmentation, CostGroup::kRefit,
                             CostGroup::kAsking, CostGroup::kControls};

/// What the language models were asked.
struct Asked {
  bool known = true;
  std::int64_t prompts = 0;
  std::int64_t read = 0;
  std::int64_t written = 0;
  std::int64_t from_journal = 0;

  void add(const Json& summary) {
    if (!summary.contains("prompts")) {  // nothing was asked, or by a version that did not count
      known = known && summary.value("asked", std::int64_t{0}) == 0;
      return;
    }
    prompts += summary.at("prompts").get<std::int64_t>();
    read += summary.value("prompt_tokens", std::int64_t{0});
    written += summary.value("answer_tokens", std::int64_t{0});
    from_journal += summary.value("from_journal", std::int64_t{0});
  }
  [[nodiscard]] Json json() const {
    if (!known) {
      return {{"prompts", nullptr}, {"tokens_read", nullptr}, {"tokens_written", nullptr}, {"from_journal", nullptr}};
    }
    return {{"prompts", prompts}, {"tokens_read", read}, {"tokens_written", written}, {"from_journal", from_journal}};
  }
};

}  // namespace

std::string to_string(CostGroup group) {
  switch (group) {
    case CostGroup::kBase:
      return "Base";
    case CostGroup::kInstructions:
      return "instructions";
    case CostGroup::kPretraining:
      return "pre-training";
    case CostGroup::kTuning:
      return "tuning";
    case CostGroup::kAugmentation:
      return "augmentation";
    case CostGroup::kRefit:
      return "refit";
    case CostGroup::kAsking:
      return "asking";
    case CostGroup::kControls:
      return "controls";
  }
  throw InternalError("unknown group of stages");
}

CostGroup cost_group(const RunSetup& setup, const std::string& stage, const std::string& subject) {
  const auto& words = setup.instructions;
  if (stage == "base") {
    if (subject == setup.run.backbone) return CostGroup::kBase;
    const bool speaks =
        subject == words.direct_backbone || subject == words.sequential_backbone || subject == words.rating_backbone;
    return speaks ? CostGroup::kInstructions : CostGroup::kControls;
  }
  if (stage == "pretrain" || stage == "checkpoint" || stage == "remote-model") return CostGroup::kPretraining;
  if (stage.starts_with("tune-")) return CostGroup::kTuning;
  if (stage.starts_with("augment") || stage == "attributes") return CostGroup::kAugmentation;
  if (stage == "refit" || stage.starts_with("refit-round-")) return CostGroup::kRefit;
  if (stage.starts_with("refit-")) return CostGroup::kControls;
  if (stage.starts_with("rank-plain-refit") || stage.starts_with("rank-augmented-base") ||
      stage.starts_with("rate-augmented-base")) {
    return setup.chooses_augmentations ? CostGroup::kAsking : CostGroup::kControls;
  }
  if (stage.starts_with("rank-") || stage.starts_with("rate-")) return CostGroup::kAsking;
  return CostGroup::kInstructions;  // out-of-fold recommenders, rating hints
}

Json cost_of(const RunSetup& setup, std::span<const SeedRecord> records) {
  std::map<CostGroup, double> seconds;
  std::int64_t trained = 0;
  Asked method;
  Asked controls;
  for (const SeedRecord& record : records) {
    for (const auto& timing : record.timings) {
      seconds[cost_group(setup, timing.name, timing.subject)] += timing.seconds;
    }
    for (const auto& [stage, summary] : record.summaries.items()) {
      if (summary.contains("learned_tokens")) trained += summary.at("tokens").get<std::int64_t>();
      (cost_group(setup, stage, "") == CostGroup::kControls ? controls : method).add(summary);
    }
  }
  Json result;
  double all = 0;
  for (const CostGroup group : kGroups) {
    result["seconds"][to_string(group)] = seconds[group];
    if (group != CostGroup::kControls) all += seconds[group];
  }
  result["method_seconds"] = all;
  result["trained_tokens"] = trained;
  result["method"] = method.json();
  result["controls"] = controls.json();
  return result;
}

}  // namespace llama4rec::pipeline
