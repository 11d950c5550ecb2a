#include "data/leak_guard.h"

#include <fmt/format.h>

namespace llama4rec::data {
std::string to_string(Phase phase) {
  switch (phase) {
    case Phase::kPretraining:
      return "pre-training";
    case Phase::kInstructionTuning:
      return "instruction tuning";
    case Phase::kAugmentation:
      return "augmentation";
    case Phase::kValidation:
      return "validation";
    case Phase::kTest:
      return "test";
  }
  return "unknown";
}

LeakGuard::LeakGuard(const Dataset& dataset, const std::vector<const Split*>& tasks, InteractionSet instruction_targets)
    : dataset_(&dataset), held_out_(held_out_union(tasks)), instruction_targets_(std::move(instruction_targets)) {
  for (const Split* split : tasks) {
    InteractionSet test = split->members(Part::kTest);
    InteractionSet both = test;
    both |= split->members(Part::kValidation);
    of_task_[split->task()] = {.test = std::move(test), .validation_and_test = std::move(both)};
  }
}

const InteractionSet& LeakGuard::forbidden(const Split& task, Phase phase) const {
  const TaskSets& sets = of_task_.at(task.task());
  return phase == Phase::kTest ? sets.test : sets.validation_and_test;
}

void LeakGuard::admit_recommender(Phase phase, const Split& task, const Provenance& model) const {
  if (phase == Phase::kPretraining) {
    throw LeakError(fmt::format("{} has no place in {}", model.what, to_string(phase)));
  }
  // At test, too, the recommender is the one fit on train: validation stays forbidden.
  refuse_common(phase, model, forbidden(task, Phase::kValidation), "held out for " + to_string(task.task()));
  if (phase == Phase::kInstructionTuning) {
    refuse_common(phase, model, instruction_targets_, "an instruction's target");
  }
}

void LeakGuard::admit_history(Phase phase, const Split& task, UserIndex user, const Provenance& history,
                              InteractionIndex target) const {
  for (const InteractionIndex interaction : history.interactions.members()) {
    if (dataset_->interactions[static_cast<std::size_t>(interaction)].user != user) {
      throw LeakError(fmt::format("{} of user {} in {} contains an interaction of another user: {}", history.what,
                                  dataset_->user_ids[static_cast<std::size_t>(user)], to_string(phase),
                                  describe(interaction)));
    }
    // A user's interactions are chronological, so the index tells what comes at or after the target.
    if (phase == Phase::kInstructionTuning && target >= 0 && interaction >= target) {
      throw LeakError(fmt::format("{} of user {} in {} reaches its target or beyond: {}", history.what,
                                  dataset_->user_ids[static_cast<std::size_t>(user)], to_string(phase),
                                  describe(interaction)));
    }
  }
  if (phase == Phase::kPretraining || phase == Phase::kInstructionTuning) {
    refuse_common(phase, history, held_out_, "held out by one of the tasks");
    if (phase == Phase::kPretraining) refuse_common(phase, history, instruction_targets_, "an instruction's target");
  } else {
    refuse_common(phase, history, forbidden(task, phase), "held out for " + to_string(task.task()));
  }
}

void LeakGuard::admit_similar_history(Phase phase, const Split& task, UserIndex similar_user,
                                      const Provenance& history) const {
  if (phase == Phase::kPretraining) {
    throw LeakError(fmt::format("{} has no place in {}", history.what, to_string(phase)));
  }
  if (phase == Phase::kInstructionTuning) {
    refuse_common(phase, history, held_out_, "held out by one of the tasks");
  } else {
    // Others' validation items never enter a prompt, not even at test.
    refuse_common(phase, history, forbidden(task, Phase::kValidation),
                  fmt::format("held out for {} of similar user {}", to_string(task.task()),
                              dataset_->user_ids[static_cast<std::size_t>(similar_user)]));
  }
}

void LeakGuard::admit_label(Phase phase, const Split& task, UserIndex user, InteractionIndex label) const {
  const auto refuse = [&](const std::string& expected) {
    throw LeakError(fmt::format("the label of user {} in {} is {}, expected {}",
                                dataset_->user_ids[static_cast<std::size_t>(user)], to_string(phase), describe(label),
                                expected));
  };
  switch (phase) {
    case Phase::kPretraining:
    case Phase::kAugmentation:
      refuse("no label at all");
      break;
    case Phase::kInstructionTuning:
      if (held_out_.contains(label)) refuse("nothing that a task holds out");
      if (!instruction_targets_.contains(label)) refuse("an interaction held back for instruction tuning");
      if (dataset_->interactions[static_cast<std::size_t>(label)].user != user) refuse("an interaction of that user");
      break;
    case Phase::kValidation:
      if (task.validation(user) != label) refuse("that user's validation interaction");
      break;
    case Phase::kTest:
      if (task.test(user) != label) refuse("that user's test interaction");
      break;
  }
}

void LeakGuard::admit_training_text(Phase phase, const Provenance& text) const {
  refuse_common(phase, text, held_out_, "held out by one of the tasks");
  if (phase == Phase::kPretraining) refuse_common(phase, text, instruction_targets_, "an instruction's target");
}

void LeakGuard::admit_language_model(Phase phase, const Provenance& model) const {
  refuse_common(phase, model, held_out_, "held out by one of the tasks");
  if (phase == Phase::kPretraining || phase == Phase::kInstructionTuning) {
    refuse_common(phase, model, instruction_targets_, "an instruction's target");
  }
}

void LeakGuard::refuse_common(Phase phase, const Provenance& thing, const InteractionSet& forbidden,
                              const std::string& why) const {
  const InteractionIndex common = thing.interactions.first_common(forbidden);
  if (common < 0) return;
  throw LeakError(
      fmt::format("{} in {} was built from {}, which is {}", thing.what, to_string(phase), describe(common), why));
}

std::string LeakGuard::describe(InteractionIndex interaction) const {
  if (interaction < 0 || interaction >= dataset_->size()) return "no interaction";
  const Interaction& it = dataset_->interactions[static_cast<std::size_t>(interaction)];
  return fmt::format("the interaction of user {} with item {}", dataset_->user_ids[static_cast<std::size_t>(it.user)],
                     dataset_->item_ids[static_cast<std::size_t>(it.item)]);
}

}  // namespace llama4rec::data
