// The leak guard: refuses a model, a history, a hint or a label that was built from what its phase may not see.
//
// It looks at provenance alone (from which interactions something was built) and never compares (user, item) pairs: a correct
// hint may well name the test item. The rules are the table "who sees what" of docs/protocol.md.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>
#include <llama4rec/error.h>
#include <llama4rec/provenance.h>

#include "data/split.h"

namespace llama4rec::data {

/// What is being done with a language model or a recommender.
enum class Phase { kPretraining, kInstructionTuning, kAugmentation, kValidation, kTest };
std::string to_string(Phase phase);

/// A forbidden provenance; the message names what, user, item and phase.
class LeakError : public Error {
 public:
  explicit LeakError(const std::string& message) : Error(ErrorCategory::kInternal, "leak: " + message) {}
};

/// Admits or throws LeakError. `task` is always the task that is evaluated, whatever the thing was built for: a rating
/// predictor whose hints serve direct recommendation must not have seen direct recommendation's test items.
class LeakGuard {
 public:
  /// `instruction_targets`: the interactions held back from training for instruction tuning.
  LeakGuard(const Dataset& dataset, const std::vector<const Split*>& tasks, InteractionSet instruction_targets);

  /// A fitted recommender that gives candidates, hints or similar users, or is refit.
  void admit_recommender(Phase phase, const Split& task, const Provenance& model) const;
  /// The history of `user` in a prompt or text. In instruction tuning `target` is the interaction to be predicted and everything
  /// of the user from it on is forbidden; elsewhere it is not used.
  void admit_history(Phase phase, const Split& task, UserIndex user, const Provenance& history,
                     InteractionIndex target = -1) const;
  /// The history of a similar user in somebody else's prompt.
  void admit_similar_history(Phase phase, const Split& task, UserIndex similar_user, const Provenance& history) const;
  /// The interaction whose item or rating is the answer, at tuning, validation or test.
  void admit_label(Phase phase, const Split& task, UserIndex user, InteractionIndex label) const;
  /// A language model's training text as a whole (pre-training and instructions), before it is used for anything.
  void admit_training_text(Phase phase, const Provenance& text) const;
  /// A trained language model that is tuned further or asked: whatever the phase, it has read nothing that a task holds out; before
  /// instruction tuning no instruction's target either.
  void admit_language_model(Phase phase, const Provenance& model) const;

  /// Every task's validation and test interactions.
  [[nodiscard]] const InteractionSet& held_out() const { return held_out_; }
  [[nodiscard]] const InteractionSet& instruction_targets() const { return instruction_targets_; }

 private:
  void refuse_common(Phase phase, const Provenance& thing, const InteractionSet& forbidden,
                     const std::string& why) const;
  [[nodiscard]] std::string describe(InteractionIndex interaction) const;

  /// What a task keeps from a phase: at test its test part, elsewhere its validation part, too.
  [[nodiscard]] const InteractionSet& forbidden(const Split& task, Phase phase) const;

  struct TaskSets {
    InteractionSet test;
    InteractionSet validation_and_test;
  };
  const Dataset* dataset_;
  std::map<Task, TaskSets> of_task_;
  InteractionSet held_out_;
  InteractionSet instruction_targets_;
};

}  // namespace llama4rec::data
