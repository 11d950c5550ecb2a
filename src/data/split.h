// Leave-one-out splits per task, and the held-out union over tasks (docs/protocol.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>
#include <llama4rec/provenance.h>

namespace llama4rec::data {

enum class Task { kDirect, kSequential, kRating };
std::string to_string(Task task);

/// The part of a split that an interaction belongs to.
enum class Part : std::uint8_t {
  kUnused,  ///< not of this task: a rating below the positive threshold
  kTrain,
  kValidation,
  kTest,
};

/// "train", "validation", "test" or "unused".
std::string to_string(Part part);

/// One task's split of one data set. Direct and sequential share the positives (ratings at or above the threshold), rating
/// uses all. The user's last interaction of the task is the test item, the one before it the validation item, the rest train;
/// users with fewer than 3 stay in train only.
class Split {
 public:
  /// Leave-one-out. `positive_threshold` counts for direct and sequential; 0 = all ratings are positive.
  static Split leave_one_out(const Dataset& dataset, Task task, float positive_threshold);
  /// From explicit parts (one per interaction); a user may have at most one validation and one test interaction, else
  /// DataError. Interactions that are not positives of the task become kUnused.
  static Split from_parts(const Dataset& dataset, Task task, float positive_threshold, std::vector<Part> parts);

  [[nodiscard]] Task task() const { return task_; }
  [[nodiscard]] Part part(InteractionIndex interaction) const { return parts_[static_cast<std::size_t>(interaction)]; }
  /// The user's train interactions, oldest first.
  [[nodiscard]] const std::vector<InteractionIndex>& train(UserIndex user) const;
  /// The user's validation and test interaction, or -1.
  [[nodiscard]] InteractionIndex validation(UserIndex user) const {
    return validation_[static_cast<std::size_t>(user)];
  }
  [[nodiscard]] InteractionIndex test(UserIndex user) const { return test_[static_cast<std::size_t>(user)]; }
  /// Users with a test interaction, ascending.
  [[nodiscard]] std::vector<UserIndex> test_users() const;
  /// All interactions of a part.
  [[nodiscard]] InteractionSet members(Part part) const;
  /// Items by user in the train part, oldest first: what recommenders are fit on.
  [[nodiscard]] std::vector<std::vector<ItemIndex>> train_histories() const;

 private:
  Task task_ = Task::kDirect;
  std::vector<Part> parts_;
  std::vector<std::vector<InteractionIndex>> train_;
  std::vector<std::vector<ItemIndex>> train_items_;
  std::vector<InteractionIndex> validation_;
  std::vector<InteractionIndex> test_;
};

/// Every task's validation and test interactions: never part of text that a language model is trained on.
InteractionSet held_out_union(const std::vector<const Split*>& splits);

}  // namespace llama4rec::data
