// Provenance: from which interactions a model, a history, a hint or a label was built.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <llama4rec/dataset.h>

namespace llama4rec {

/// A set of interactions of one data set, as a bit per interaction.
class InteractionSet {
 public:
  InteractionSet() = default;
  /// An empty set over a data set with `size` interactions.
  explicit InteractionSet(std::int64_t size);

  void insert(InteractionIndex interaction);
  void erase(InteractionIndex interaction);
  [[nodiscard]] bool contains(InteractionIndex interaction) const;
  [[nodiscard]] std::int64_t count() const;
  [[nodiscard]] std::int64_t universe() const { return size_; }

  InteractionSet& operator|=(const InteractionSet& other);
  InteractionSet& operator-=(const InteractionSet& other);

  /// The smallest interaction in both sets, or -1 where they are disjoint.
  [[nodiscard]] InteractionIndex first_common(const InteractionSet& other) const;
  /// Members in ascending order.
  [[nodiscard]] std::vector<InteractionIndex> members() const;

  friend bool operator==(const InteractionSet&, const InteractionSet&) = default;

 private:
  std::int64_t size_ = 0;
  std::vector<std::uint64_t> words_;
};

/// What something was built from. Travels with every model, history, hint and label.
struct Provenance {
  std::string what;             ///< for messages: "LightGCN (out-of-fold)", "history of user 17"
  InteractionSet interactions;  ///< the interactions that it was built from
};

}  // namespace llama4rec
