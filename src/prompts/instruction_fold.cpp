#include "prompts/instruction_fold.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"

namespace llama4rec::prompts {

void FoldOptions::declare(config::OptionVisitor& visit) {
  visit.option(
      "instructions.held_back", held_back, config::between(0.01, 0.9),
      "Largest share of a user's latest training interactions that are held back as instruction targets; each user's "
      "share is drawn uniformly between 0 and this.",
      "III-E1");
  visit.option("instructions.minimum_history", minimum_history, config::at_least(1),
               "Interactions that stay before a user's first instruction target; poorer users give no instructions.",
               "IV-A3");
}

InstructionFold draw_fold(const Dataset& dataset, const InteractionSet& held_out, const FoldOptions& options,
                          std::uint64_t seed) {
  InstructionFold fold{.allowed = InteractionSet(dataset.size()),
                       .before = InteractionSet(dataset.size()),
                       .targets = InteractionSet(dataset.size())};
  for (UserIndex user = 0; user < dataset.users(); ++user) {
    std::vector<InteractionIndex> allowed;
    for (InteractionIndex i = dataset.user_offsets[static_cast<std::size_t>(user)];
         i < dataset.user_offsets[static_cast<std::size_t>(user) + 1]; ++i) {
      if (!held_out.contains(i)) allowed.push_back(i);
    }
    const auto count = static_cast<std::int64_t>(allowed.size());
    RandomStream random(seed, "instructions.fold", {static_cast<std::uint64_t>(user)});
    const auto most = static_cast<std::int64_t>(std::ceil(options.held_back * static_cast<double>(count)));
    auto held_back = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most) + 1));
    held_back = std::clamp<std::int64_t>(held_back, 0, std::max<std::int64_t>(0, count - options.minimum_history));
    for (std::int64_t position = 0; position < count; ++position) {
      const InteractionIndex interaction = allowed[static_cast<std::size_t>(position)];
      fold.allowed.insert(interaction);
      (position < count - held_back ? fold.before : fold.targets).insert(interaction);
    }
  }
  return fold;
}

}  // namespace llama4rec::prompts
