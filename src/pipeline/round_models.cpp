#include "pipeline/round_models.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/random.h"
#include "pipeline/tuning_cases.h"

namespace llama4rec::pipeline {
namespace {

constexpr data::Phase kTuning = data::Phase::kInstructionTuning;

std::string without(const std::string& name) { return name.empty() ? "" : "-without-" + name; }

}  // namespace

std::array<InteractionSet, 2> halves_of_targets(const Dataset& dataset, const InteractionSet& targets,
                                                std::int64_t round, std::uint64_t seed) {
  const std::vector<InteractionIndex> members = targets.members();
  const auto user_of = [&](InteractionIndex i) { return dataset.interactions[static_cast<std::size_t>(i)].user; };
  std::vector<UserIndex> users;
  for (const InteractionIndex i : members) {
    if (users.empty() || users.back() != user_of(i)) users.push_back(user_of(i));
  }
  if (users.size() < 2) {
    throw DataError(
        fmt::format("data set {}: run.rounds halves the users with instruction targets anew in every round, and in "
                    "round {} there are {} left; expected 2 or more",
                    dataset.name, round, users.size()));
  }
  RandomStream random(seed, "rounds.halves", {static_cast<std::uint64_t>(round)});
  random.shuffle(std::span(users));
  std::vector<bool> second(static_cast<std::size_t>(dataset.users()), false);
  for (std::size_t n = users.size() / 2; n < users.size(); ++n) second[static_cast<std::size_t>(users[n])] = true;
  std::array<InteractionSet, 2> halves{InteractionSet(dataset.size()), InteractionSet(dataset.size())};
  for (const InteractionIndex i : members) halves.at(second[static_cast<std::size_t>(user_of(i))] ? 1 : 0).insert(i);
  return halves;
}

std::string round_suffix(std::int64_t round) { return round == 1 ? "" : fmt::format("-round-{}", round); }

RoundModels::RoundModels(SeedContext& context) : context_(context) {}

const RunModel& RoundModels::tuned(std::int64_t round, bool augmented) {
  if (round == 1 || !context_.setup().tunes) return context_.tuned(augmented);
  return model(round, augmented, {.targets = InteractionSet(context_.setup().dataset().size()), .name = ""});
}

const RunModel& RoundModels::augmenting(std::int64_t round) {
  return tuned(round, context_.setup().run.augmentation_prompts == "augmented");
}

data::LeakGuard RoundModels::guard_of(const InteractionSet& targets) const {
  const RunSetup& setup = context_.setup();
  return {setup.dataset(), {&setup.direct, &setup.sequential, &setup.rating}, targets};
}

InteractionSet RoundModels::allowed_without(const Unseen& unseen) const {
  InteractionSet allowed = context_.fold().allowed;
  allowed -= unseen.targets;
  return allowed;
}

const RunModel& RoundModels::model(std::int64_t round, bool augmented, const Unseen& unseen) {
  const std::string id = fmt::format("{}/{}/{}", round, augmented, unseen.name);
  if (const auto made = models_.find(id); made != models_.end()) return made->second;
  TuningFit fit = round == 1 ? first_round(unseen) : later_round(round, unseen);
  fit.augmented = augmented;
  fit.suffix = round_suffix(round) + without(unseen.name);
  context_.close_model();
  // The context's guard knows all targets: what is tuned has read none of them.
  RunModel tuned =
      tune_stage(context_.store(), context_.setup(), context_.guard(), context_.pretrained(), fit, context_.seed());
  guard_of(unseen.targets).admit_language_model(kTuning, tuned.provenance);
  return models_.emplace(id, std::move(tuned)).first->second;
}

/// Today's instructions without those of the users left out; nobody's text holds their targets.
TuningFit RoundModels::first_round(const Unseen& unseen) const {
  TuningFit fit{.augmented = false, .suffix = "", .case_dependencies = context_.out_of_fold_lines(), .make_cases = {}};
  fit.case_dependencies.push_back("without=" + unseen.name);
  fit.make_cases = [this, unseen] {
    prompts::InstructionFold fold = context_.fold();
    fold.allowed -= unseen.targets;
    fold.targets -= unseen.targets;
    return tuning_cases(context_.setup(), context_.guard(), fold, context_.out_of_fold_models(), context_.seed());
  };
  return fit;
}

/// Each half of the targets with recommenders that never saw it. Predicted ratings stay those of the first round.
TuningFit RoundModels::later_round(std::int64_t round, const Unseen& unseen) {
  const RunSetup& setup = context_.setup();
  InteractionSet targets = context_.fold().targets;
  targets -= unseen.targets;
  TuningFit fit{.augmented = false, .suffix = "", .case_dependencies = context_.fold_lines(), .make_cases = {}};
  fit.case_dependencies.push_back(fmt::format("round={} without={}", round, unseen.name));
  fit.case_dependencies.push_back(context_.out_of_fold_lines().back());
  struct Half {
    InteractionSet targets;
    TuningModels models;
  };
  std::vector<Half> halves;
  for (InteractionSet& half : halves_of_targets(setup.dataset(), targets, round, context_.seed())) {
    Unseen both{.targets = unseen.targets,
                .name = fmt::format("{}{}{}{}", unseen.name, unseen.name.empty() ? "" : ".", round,
                                    halves.empty() ? 'a' : 'b')};
    both.targets |= half;
    TuningModels models{.rating = context_.out_of_fold_models().rating};
    for (const auto& [recommender, place] : {std::pair{setup.instructions.direct_backbone, &models.direct},
                                             {setup.instructions.sequential_backbone, &models.sequential}}) {
      if (recommender.empty()) continue;
      const FittedTopK& fitted = backbone(recommender, round, both);
      *place = fitted.model.get();
      fit.case_dependencies.push_back(both.name + "=" + fitted.stage.key);
    }
    halves.push_back({.targets = std::move(half), .models = models});
  }
  fit.make_cases = [this, unseen, halves = std::move(halves)] {
    TuningCases cases;
    for (const Half& half : halves) {
      prompts::InstructionFold fold{.allowed = allowed_without(unseen), .before = {}, .targets = half.targets};
      fold.before = fold.allowed;
      fold.before -= half.targets;
      TuningCases of_half = tuning_cases(context_.setup(), guard_of(half.targets), fold, half.models, context_.seed());
      if (cases.provenance.interactions.universe() == 0) {
        cases = std::move(of_half);
      } else {
        append(cases, std::move(of_half));
      }
    }
    return cases;
  };
  return fit;
}

/// What serves the instructions whose targets are in `unseen`: of round 1 fit on the rest, of round r refit on the answers of round r - 1.
const FittedTopK& RoundModels::backbone(const std::string& recommender, std::int64_t round, const Unseen& unseen) {
  const std::string id = fmt::format("{}/{}/{}", recommender, round, unseen.name);
  if (const auto made = backbones_.find(id); made != backbones_.end()) return made->second;
  const RunSetup& setup = context_.setup();
  const data::Task task = task_of(recommender);
  const InteractionSet allowed = allowed_without(unseen);
  const std::string what = fmt::format("{} (out-of-fold{}{})", recommender, round_suffix(round), without(unseen.name));
  TopKFit fit{.stage = "out-of-fold" + round_suffix(round) + without(unseen.name),
              .recommender = recommender,
              .dependencies = context_.fold_lines(),
              .data = [&] { return positives_of(setup, allowed, what); },
              .epochs = context_.out_of_fold_epochs(task)};
  fit.dependencies.push_back("without=" + unseen.name);
  const data::LeakGuard guard = guard_of(unseen.targets);
  Augmentation augmentation;
  if (round > 1) {
    const FittedTopK& before = backbone(recommender, round - 1, unseen);
    const RunModel& answering = model(round - 1, setup.run.augmentation_prompts == "augmented", unseen);
    guard.admit_language_model(kTuning, answering.provenance);
    augmentation = augment(context_, before,
                           {.model = &answering,
                            .stage = "augment" + round_suffix(round - 1) + without(unseen.name),
                            .task = task,
                            .within = &allowed});
    fit.dependencies.push_back("augmentation=" + augmentation.key);
    fit.data = [&] { return augmented_data(setup, allowed, augmentation, answering.provenance.interactions, what); };
    if (setup.run.refit == "continued") fit.continued = &backbone(recommender, 1, unseen).stage;
  }
  FittedTopK fitted = fit_top_k(context_.store(), setup, fit, context_.seed());
  guard.admit_recommender(kTuning, setup.split_of(task), fitted.model->provenance());
  return backbones_.emplace(id, std::move(fitted)).first->second;
}

}  // namespace llama4rec::pipeline
