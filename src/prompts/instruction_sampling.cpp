#include "prompts/instruction_sampling.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/text.h"
#include "prompts/sampling.h"

namespace llama4rec::prompts {
namespace {

/// `otherwise` for users whom nothing is known of.
std::int64_t of_user(const std::vector<std::int64_t>& values, UserIndex user, std::int64_t otherwise) {
  const auto place = static_cast<std::size_t>(user);
  return place < values.size() ? values[place] : otherwise;
}

std::vector<std::size_t> draw_places(const std::vector<Instruction>& instructions, const InstructionOptions& options,
                                     const SampledUsers& users, std::uint64_t seed) {
  const std::size_t most =
      options.most > 0 ? std::min(static_cast<std::size_t>(options.most), instructions.size()) : instructions.size();
  if (options.sampling == "importance") {
    std::vector<double> weights;
    for (const Instruction& it : instructions) {
      weights.push_back(std::log1p(static_cast<double>(of_user(users.interactions, it.user, 0))));
    }
    return draw_by_weight(weights, most, seed);
  }
  if (options.sampling == "clusters") {
    std::vector<std::int64_t> clusters;
    for (const Instruction& it : instructions) clusters.push_back(of_user(users.clusters, it.user, -1));
    return draw_in_turns(clusters, most, seed);
  }
  return draw_uniformly(instructions.size(), most, seed);
}

double median(std::vector<std::int64_t> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const auto upper = static_cast<double>(values[middle]);
  return values.size() % 2 == 1 ? upper : (static_cast<double>(values[middle - 1]) + upper) / 2;
}

/// Counts instructions on one side of the drawing.
void count(const std::vector<Instruction>& instructions, const SampledUsers& users, std::int64_t KeptShare::*side,
           SamplingAccount& account) {
  std::set<UserIndex> different;
  for (const Instruction& it : instructions) {
    ++(account.kinds[it.kind].*side);
    different.insert(it.user);
    if (account.sampling == "clusters") ++(account.clusters[of_user(users.clusters, it.user, -1)].*side);
  }
  account.instructions.*side = static_cast<std::int64_t>(instructions.size());
  account.users.*side = static_cast<std::int64_t>(different.size());
}

nlohmann::ordered_json share_json(const KeptShare& share) {
  return {{"available", share.available}, {"kept", share.kept}};
}

}  // namespace

void SampledUsers::append(const SampledUsers& others) {
  interactions.resize(std::max(interactions.size(), others.interactions.size()), 0);
  for (std::size_t user = 0; user < others.interactions.size(); ++user) {
    interactions[user] = std::max(interactions[user], others.interactions[user]);
  }
  const std::int64_t behind = clusters.empty() ? 0 : *std::max_element(clusters.begin(), clusters.end()) + 1;
  clusters.resize(std::max(clusters.size(), others.clusters.size()), -1);
  for (std::size_t user = 0; user < others.clusters.size(); ++user) {
    if (others.clusters[user] >= 0) clusters[user] = behind + others.clusters[user];
  }
}

void check_sampling(const InstructionOptions& options) {
  if (options.sampling == "uniform" || options.most > 0) return;
  throw UsageError(fmt::format(
      "instructions.sampling: {} has nothing to decide where instructions.most is 0, which keeps all instructions; "
      "expected instructions.most of at least 1, or instructions.sampling: uniform",
      options.sampling));
}

std::vector<std::string> idle_sampling_options(const InstructionOptions& options) {
  std::vector<std::string> idle;
  if (options.most == 0) idle.emplace_back("instructions.most");
  if (options.most == 0 || options.sampling == "uniform") idle.emplace_back("instructions.sampling");
  if (options.most == 0 || options.sampling != "clusters") idle.emplace_back("instructions.clusters");
  return idle;
}

SamplingAccount draw_instructions(std::vector<Instruction>& instructions, const InstructionOptions& options,
                                  const SampledUsers& users, std::uint64_t seed) {
  SamplingAccount account{.sampling = options.sampling};
  count(instructions, users, &KeptShare::available, account);
  std::vector<Instruction> kept;
  std::vector<std::int64_t> histories;
  for (const std::size_t place : draw_places(instructions, options, users, seed)) {
    histories.push_back(of_user(users.interactions, instructions[place].user, 0));
    kept.push_back(std::move(instructions[place]));
  }
  instructions = std::move(kept);
  count(instructions, users, &KeptShare::kept, account);
  account.median_history = median(std::move(histories));
  return account;
}

std::string sampling_note(const SamplingAccount& account) {
  std::vector<std::string> kinds;
  for (const auto& [kind, share] : account.kinds) kinds.push_back(fmt::format("{} {}", share.kept, to_string(kind)));
  std::string note =
      fmt::format("{} sampling kept {} of {} instructions of {} of {} users ({}), median history {:g}",
                  account.sampling, account.instructions.kept, account.instructions.available, account.users.kept,
                  account.users.available, text::join(kinds, ", "), account.median_history);
  std::int64_t fewest = account.instructions.kept;
  std::int64_t most = 0;
  std::int64_t clusters = 0;
  for (const auto& [cluster, share] : account.clusters) {
    if (cluster < 0) continue;
    ++clusters;
    fewest = std::min(fewest, share.kept);
    most = std::max(most, share.kept);
  }
  if (clusters > 0) note += fmt::format(", {} to {} from each of {} clusters", fewest, most, clusters);
  return note;
}

nlohmann::ordered_json to_json(const SamplingAccount& account) {
  nlohmann::ordered_json json{{"sampling", account.sampling},
                              {"instructions", share_json(account.instructions)},
                              {"users", share_json(account.users)},
                              {"median_history", account.median_history}};
  for (const auto& [kind, share] : account.kinds) json["kinds"][to_string(kind)] = share_json(share);
  for (const auto& [cluster, share] : account.clusters) {
    json["clusters"][cluster < 0 ? "none" : std::to_string(cluster)] = share_json(share);
  }
  return json;
}

}  // namespace llama4rec::prompts
