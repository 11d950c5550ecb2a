#include "pipeline/attribute_agreement.h"

#include <numeric>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "augmentation/attribute_judge.h"
#include "core/atomic_file.h"
#include "core/progress.h"
#include "core/random.h"
#include "pipeline/attribute_stages.h"
#include "pipeline/experiment_files.h"
#include "pipeline/run.h"

namespace llama4rec::pipeline {
namespace {

using augmentation::Agreement;
using augmentation::AttributeDeclaration;
using augmentation::AttributeOptions;
using Json = nlohmann::ordered_json;

config::Configuration options_for(const AgreementPlan& plan, const config::Configuration& configuration,
                                  const std::string& dataset) {
  config::Configuration result(configuration.shared_table());
  result.set("run.backbone=deepfm");
  // The paper's attributes (III-B3); everything else that attributes need is the user's.
  result.set(dataset == "book-crossing" ? "augmentation.attributes=[genre, 'page length: number 100 200 300 500 800']"
                                        : "augmentation.attributes=[director, star]");
  result.overlay(configuration);
  result.set("data.name=" + dataset);
  result.set("run.directory=" + plan.directory.string());
  if (plan.judge) return result;
  result.set("augmentation.facts_use=compare");  // answers that copy the facts agree with them
  return result;
}

/// The sample of an attribute, among those that can be compared.
std::vector<std::int64_t> draw(std::vector<std::int64_t> indices, std::int64_t count, std::uint64_t seed) {
  RandomStream random(seed, "experiments.figure8");
  random.shuffle(std::span(indices));
  indices.resize(std::min(indices.size(), static_cast<std::size_t>(count)));
  return indices;
}

/// Compares a sample of an attribute with the facts.
Agreement against_facts(const RunSetup& setup, const AttributeOptions& options, const AttributeDeclaration& declared,
                        const augmentation::GeneratedAttribute& made, const AgreementPlan& plan) {
  const auto facts = augmentation::read_facts(options.facts, setup.dataset());
  const auto found = facts.cells.find(declared.name);
  if (found == facts.cells.end() || facts.of_users != declared.of_user) return {};
  std::vector<std::int64_t> known;
  for (std::size_t row = 0; row < found->second.size(); ++row) {
    if (!found->second[row].empty()) known.push_back(static_cast<std::int64_t>(row));
  }
  std::vector<std::string> sampled(found->second.size());
  for (const auto index : draw(known, plan.sample, plan.seed)) {
    const auto row = static_cast<std::size_t>(index);
    sampled[row] = augmentation::cell_text(augmentation::read_answer(declared, found->second[row]).values);
  }
  return augmentation::compare_with_facts(setup.dataset(), declared.of_user, declared.name, made.cells, sampled);
}

/// Asks the judge in a stage of its own, so that a killed experiment does not pay twice.
Agreement against_judge(SeedContext& judge, const RunSetup& setup, const AttributeDeclaration& declared,
                        const augmentation::GeneratedAttribute& made, const std::string& key,
                        const AgreementPlan& plan) {
  std::vector<std::int64_t> indices(made.cells.size());
  std::iota(indices.begin(), indices.end(), 0);
  indices = draw(std::move(indices), plan.sample, plan.seed);
  auto dependencies = judge.asking_dependencies(judge.tuned(false), prompts::candidate_options());
  dependencies.push_back(fmt::format("attributes={} {} sample={}", key, declared.name, plan.sample));
  const auto stage = judge.store().run("judge", dependencies, [&](StageFolder& folder) {
    judge.ask(folder, data::Phase::kAugmentation, judge.tuned(false), [&](LanguageModel& model, prompts::CaseWriter&) {
      const augmentation::AttributeSources sources{.dataset = setup.dataset(),
                                                   .texts = setup.texts,
                                                   .liked = {},
                                                   .verbose = judge.setup().prompts.style == "verbose"};
      Progress progress("judge", static_cast<std::int64_t>(indices.size()), "prompts");
      augmentation::GeneratedAttribute judged = made;
      judged.agreement = judge_attribute(sources, declared, made.cells, indices, model,
                                         [&](std::int64_t answered) { progress.set(answered); });
      progress.finish();
      write_file_atomically(folder.path / "judged.json", to_json(std::vector{judged}).dump() + "\n");
    });
  });
  const auto document = nlohmann::json::parse(read_file(stage.path / "judged.json"));
  return *augmentation::attributes_from_json(document).front().agreement;
}

}  // namespace

Json run_attribute_agreement(const AgreementPlan& plan, const config::Configuration& configuration,
                             torch::Device device, const std::string& command_line) {
  if (!plan.judge && configuration.read<AttributeOptions>().facts.empty()) {
    throw UsageError("figure8 needs a judge: --judge FILE with a language model's options, or augmentation.facts");
  }
  const auto verdicts = plan.verdicts.empty() ? std::vector<augmentation::Disagreement>{}
                                              : augmentation::read_disagreements(plan.verdicts);
  Json document{{"experiment", "figure8"},
                {"command", command_line},
                {"judge", plan.judge ? "a language model" : "known facts"},
                {"items", plan.sample},
                {"report", experiment_page(plan.directory, "figure8").string()},
                {"attributes", Json::array()}};
  for (const std::string& dataset : plan.datasets) {
    const auto options = options_for(plan, configuration, dataset);
    const RunSetup setup(options, obtain_data(options), device);
    StageStore store(plan.directory / "stages");
    SeedContext context(setup, store, plan.seed);
    context.make_language_models();
    const auto attributes = options.read<AttributeOptions>();
    const auto declared = attributes.declarations();
    const AttributeAugmentation made = fill_in_attributes(context);
    std::optional<RunSetup> judge_setup;
    std::optional<SeedContext> judge;
    if (plan.judge) {
      auto judge_options = options;
      judge_options.overlay(*plan.judge);
      judge_setup.emplace(judge_options, obtain_data(judge_options), device);
      judge.emplace(*judge_setup, store, plan.seed);
      judge->make_language_models();
    }
    std::vector<augmentation::Disagreement> disagreements;
    for (std::size_t n = 0; n < declared.size(); ++n) {
      Agreement agreement = judge ? against_judge(*judge, setup, declared[n], made.attributes[n], made.key, plan)
                                  : against_facts(setup, attributes, declared[n], made.attributes[n], plan);
      agreement = with_verdicts(std::move(agreement), verdicts);
      document["attributes"].push_back({{"dataset", setup.dataset().name},
                                        {"synthetic", setup.dataset().synthetic},
                                        {"attribute", declared[n].name},
                                        {"compared", agreement.compared()},
                                        {"agree", agreement.agree},
                                        {"unknown", agreement.unknown},
                                        {"wrong", agreement.wrong},
                                        {"undecided", agreement.undecided}});
      disagreements.insert(disagreements.end(), agreement.disagreements.begin(), agreement.disagreements.end());
    }
    const auto disagreed = plan.directory / (setup.dataset().name + "-disagreements.csv");
    write_file_atomically(disagreed, augmentation::disagreements_csv(disagreements));
    document["disagreements"][setup.dataset().name] = disagreed.string();
    write_experiment(plan.directory, "figure8", document,
                     {.markdown = agreement_markdown(document),
                      .csv = agreement_csv(document),
                      .report = agreement_report(document)});
  }
  return document;
}

}  // namespace llama4rec::pipeline
