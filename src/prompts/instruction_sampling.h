// Which of the instructions are kept (instructions.most, instructions.sampling), and what that made of them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "prompts/instructions.h"

namespace llama4rec::prompts {

/// What the drawing knows of the users; by user.
struct SampledUsers {
  std::vector<std::int64_t> interactions;  ///< that text may be made of: the user's training part
  std::vector<std::int64_t> clusters;      ///< -1: no embedding; empty unless instructions.sampling is clusters

  /// Adds what is known of others. Their clusters are other ones: their numbers go on behind these.
  void append(const SampledUsers& others);
};

/// How often something is there and how often it was kept.
struct KeptShare {
  std::int64_t available = 0;
  std::int64_t kept = 0;
};

/// What was drawn from what.
struct SamplingAccount {
  std::string sampling;
  std::map<InstructionKind, KeptShare> kinds;
  KeptShare instructions;
  KeptShare users;  ///< who have an instruction
  double median_history =
      0;  ///< of the interactions of the kept instructions' users, counted once for each instruction
  std::map<std::int64_t, KeptShare>
      clusters;  ///< instructions by cluster, -1: of users without one; empty if not by clusters
};

/// UsageError where a sampling other than uniform has nothing to decide because all instructions are kept.
void check_sampling(const InstructionOptions& options);

/// Names of the sampling's options that decide nothing as they are set: no stage depends on these.
std::vector<std::string> idle_sampling_options(const InstructionOptions& options);

/// Keeps `instructions.most` of the instructions, in their order; all of them where that is 0 or more than there are. `instructions.sampling`:
///   uniform     all instructions alike
///   importance  one after the other with probabilities proportional to log(1 + interactions of the instruction's user)
///   clusters    from the clusters of users in turns, alike from each as far as it has some; users without a cluster stand as one more
SamplingAccount draw_instructions(std::vector<Instruction>& instructions, const InstructionOptions& options,
                                  const SampledUsers& users, std::uint64_t seed);

/// One line for the log: "uniform sampling kept 500 of 4211 instructions of 402 of 910 users, ...".
std::string sampling_note(const SamplingAccount& account);
/// For a stage's summary.
nlohmann::ordered_json to_json(const SamplingAccount& account);

}  // namespace llama4rec::prompts
