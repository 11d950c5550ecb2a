#include "data/split.h"

#include <llama4rec/error.h>

namespace llama4rec::data {
namespace {

bool belongs(const Interaction& interaction, Task task, float positive_threshold) {
  return task == Task::kRating || interaction.rating >= positive_threshold;
}

}  // namespace

std::string to_string(Task task) {
  switch (task) {
    case Task::kDirect:
      return "direct";
    case Task::kSequential:
      return "sequential";
    case Task::kRating:
      return "rating";
  }
  return "unknown";
}

std::string to_string(Part part) {
  switch (part) {
    case Part::kTrain:
      return "train";
    case Part::kValidation:
      return "validation";
    case Part::kTest:
      return "test";
    case Part::kUnused:
      break;
  }
  return "unused";
}

Split Split::leave_one_out(const Dataset& dataset, Task task, float positive_threshold) {
  std::vector<Part> parts(dataset.interactions.size(), Part::kUnused);
  for (UserIndex user = 0; user < dataset.users(); ++user) {
    std::int64_t count = 0;
    InteractionIndex last = -1;
    InteractionIndex before_last = -1;
    const auto first = dataset.user_offsets[static_cast<std::size_t>(user)];
    const auto end = dataset.user_offsets[static_cast<std::size_t>(user) + 1];
    for (InteractionIndex i = first; i < end; ++i) {
      if (!belongs(dataset.interactions[static_cast<std::size_t>(i)], task, positive_threshold)) continue;
      parts[static_cast<std::size_t>(i)] = Part::kTrain;
      before_last = last;
      last = i;
      ++count;
    }
    constexpr std::int64_t kFewest = 3;
    if (count < kFewest) continue;
    parts[static_cast<std::size_t>(before_last)] = Part::kValidation;
    parts[static_cast<std::size_t>(last)] = Part::kTest;
  }
  return from_parts(dataset, task, positive_threshold, std::move(parts));
}

Split Split::from_parts(const Dataset& dataset, Task task, float positive_threshold, std::vector<Part> parts) {
  if (parts.size() != dataset.interactions.size()) {
    throw DataError("data set \"" + dataset.name + "\": the explicit split has " + std::to_string(parts.size()) +
                    " parts, expected one per interaction, " + std::to_string(dataset.interactions.size()));
  }
  const auto users = static_cast<std::size_t>(dataset.users());
  Split split;
  split.task_ = task;
  split.parts_ = std::move(parts);
  split.train_.resize(users);
  split.train_items_.resize(users);
  split.validation_.assign(users, -1);
  split.test_.assign(users, -1);
  for (std::size_t i = 0; i < split.parts_.size(); ++i) {
    const auto& interaction = dataset.interactions[i];
    auto& part = split.parts_[i];
    if (!belongs(interaction, task, positive_threshold)) part = Part::kUnused;
    if (part == Part::kUnused) continue;
    const auto user = static_cast<std::size_t>(interaction.user);
    const auto index = static_cast<InteractionIndex>(i);
    if (part == Part::kTrain) {
      split.train_[user].push_back(index);
      split.train_items_[user].push_back(interaction.item);
      continue;
    }
    auto& place = part == Part::kTest ? split.test_[user] : split.validation_[user];
    if (place >= 0) {
      throw DataError("data set \"" + dataset.name + "\": user " + dataset.user_ids[user] + " has more than one " +
                      (part == Part::kTest ? "test" : "validation") + " interaction for the " + to_string(task) +
                      " task, expected at most one");
    }
    place = index;
  }
  return split;
}

const std::vector<InteractionIndex>& Split::train(UserIndex user) const {
  return train_[static_cast<std::size_t>(user)];
}

std::vector<UserIndex> Split::test_users() const {
  std::vector<UserIndex> users;
  for (std::size_t user = 0; user < test_.size(); ++user) {
    if (test_[user] >= 0) users.push_back(static_cast<UserIndex>(user));
  }
  return users;
}

InteractionSet Split::members(Part part) const {
  InteractionSet set(static_cast<std::int64_t>(parts_.size()));
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i] == part) set.insert(static_cast<InteractionIndex>(i));
  }
  return set;
}

std::vector<std::vector<ItemIndex>> Split::train_histories() const { return train_items_; }

InteractionSet held_out_union(const std::vector<const Split*>& splits) {
  if (splits.empty()) return {};
  InteractionSet held_out = splits.front()->members(Part::kValidation);
  for (const Split* split : splits) {
    held_out |= split->members(Part::kValidation);
    held_out |= split->members(Part::kTest);
  }
  return held_out;
}

}  // namespace llama4rec::data
