#include "pipeline/attribute_stages.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/atomic_file.h"
#include "core/digest.h"
#include "core/progress.h"

namespace llama4rec::pipeline {
namespace {

using augmentation::AttributeFacts;
using augmentation::AttributeOptions;
using data::Phase;

constexpr const char* kAttributesFile = "attributes.json";
constexpr const char* kDisagreementsFile = "disagreements.csv";

std::optional<AttributeFacts> facts_of(const AttributeOptions& options, const Dataset& dataset) {
  if (options.facts.empty()) return std::nullopt;
  auto facts = augmentation::read_facts(options.facts, dataset);
  const auto declared = options.declarations();
  for (const auto& [name, unused] : facts.cells) {
    const bool asked = std::any_of(declared.begin(), declared.end(),
                                   [&](const auto& it) { return it.name == name && it.of_user == facts.of_users; });
    if (!asked && options.use() != augmentation::FactsUse::kGround) {
      spdlog::warn("{}: the column \"{}\" is no attribute of augmentation.attributes and is not used", options.facts,
                   name);
    }
  }
  if (facts.unknown_ids > 0) {
    spdlog::warn("{}: {} rows are about {} that the data set does not have", options.facts, facts.unknown_ids,
                 facts.of_users ? "users" : "items");
  }
  return facts;
}

/// Liked titles of each user's train part.
std::vector<std::vector<ItemIndex>> liked_in_training(const RunSetup& setup) {
  std::vector<std::vector<ItemIndex>> liked(static_cast<std::size_t>(setup.dataset().users()));
  for (const InteractionIndex i : setup.rating.members(data::Part::kTrain).members()) {
    const Interaction& it = setup.dataset().interactions[static_cast<std::size_t>(i)];
    if (it.rating >= setup.loaded.positive_threshold) liked[static_cast<std::size_t>(it.user)].push_back(it.item);
  }
  return liked;
}

void summarise(const std::vector<augmentation::GeneratedAttribute>& attributes, nlohmann::ordered_json& summary) {
  std::int64_t asked = 0;
  std::int64_t answered = 0;
  std::int64_t unreadable = 0;
  summary["attributes"] = nlohmann::ordered_json::object();
  for (const auto& it : attributes) {
    asked += it.account.asked;
    answered += it.account.answered;
    unreadable += it.account.unreadable;
    auto& one = summary["attributes"][it.name] = to_json(it.account);
    if (it.agreement) {
      one["agree"] = it.agreement->agree;
      one["unknown_to_model"] = it.agreement->unknown;
      one["wrong"] = it.agreement->wrong;
    }
  }
  summary["kind"] = "attributes";
  summary["asked"] = asked;
  summary["kept"] = answered;
  summary["unanswered"] = unreadable;
}

}  // namespace

AttributeAugmentation fill_in_attributes(SeedContext& context) {
  const RunSetup& setup = context.setup();
  const auto options = setup.configuration.read<AttributeOptions>();
  const auto declared = options.declarations();
  const auto examples = options.examples();
  if (declared.empty()) return {};
  std::vector<std::string> dependencies =
      context.asking_dependencies(context.tuned(false), prompts::candidate_options());
  dependencies.push_back(setup.configuration.canonical({"augmentation.attribute", "augmentation.facts_use"}));
  dependencies.push_back(options.facts.empty() ? "no facts"
                                               : "facts=" + file_digest(options.facts, DigestKind::kSha256));
  const StageResult stage = context.store().run("attributes", dependencies, [&](StageFolder& folder) {
    const auto facts = facts_of(options, setup.dataset());
    std::vector<augmentation::GeneratedAttribute> attributes;
    context.ask(folder, Phase::kAugmentation, context.tuned(false), [&](LanguageModel& model, prompts::CaseWriter&) {
      const augmentation::AttributeSources sources{.dataset = setup.dataset(),
                                                   .texts = setup.texts,
                                                   .liked = liked_in_training(setup),
                                                   .verbose = setup.prompts.style == "verbose"};
      std::int64_t questions = 0;
      for (const auto& it : declared) questions += it.of_user ? setup.dataset().users() : setup.dataset().items();
      Progress progress("attributes", questions, "prompts");
      attributes =
          augmentation::generate_attributes(sources, declared, examples, facts ? &*facts : nullptr, options.use(),
                                            model, [&](std::int64_t answered) { progress.set(answered); });
      progress.finish();
    });
    write_file_atomically(folder.path / kAttributesFile, to_json(attributes).dump() + "\n");
    std::vector<augmentation::Disagreement> disagreements;
    for (const auto& it : attributes) {
      if (!it.agreement) continue;
      disagreements.insert(disagreements.end(), it.agreement->disagreements.begin(), it.agreement->disagreements.end());
    }
    if (!disagreements.empty()) {
      write_file_atomically(folder.path / kDisagreementsFile, augmentation::disagreements_csv(disagreements));
    }
    summarise(attributes, folder.summary);
  });
  AttributeAugmentation result{.attributes = {}, .key = stage.key, .summary = stage.summary};
  result.attributes =
      augmentation::attributes_from_json(nlohmann::json::parse(read_file(stage.path / kAttributesFile)));
  return result;
}

AugmentedTables with_attributes(const Dataset& dataset, const AttributeAugmentation& augmentation) {
  return {.users = augmentation::with_generated(dataset.user_attributes, augmentation.attributes, true),
          .items = augmentation::with_generated(dataset.item_attributes, augmentation.attributes, false)};
}

RatingTrainingData augmented_ratings(const RunSetup& setup, const AugmentedTables& tables,
                                     const InteractionSet& read_by_language_models, const std::string& what) {
  RatingTrainingData data = ratings_of(setup, setup.rating.members(data::Part::kTrain), what);
  data.user_attributes = &tables.users;
  data.item_attributes = &tables.items;
  // The answers come from a language model: what its text was made from is behind them, too.
  data.provenance.interactions |= read_by_language_models;
  return data;
}

}  // namespace llama4rec::pipeline
