// Two answers to the same tasks, compared one by one: win, tie, loss (the paper's Figure 7).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace llama4rec::pipeline {

/// One row's values by metric, then by user id; in the order of the file's columns.
struct PerUserValues {
  std::vector<std::string> metrics;
  std::map<std::string, std::vector<double>> by_user;
};

/// Reads a row of one seed from a run's per_user.tsv. DataError where the file has no such row.
PerUserValues read_per_user(const std::filesystem::path& file, std::uint64_t seed, const std::string& row);

struct Duel {
  std::string metric;
  std::int64_t wins = 0;
  std::int64_t ties = 0;
  std::int64_t losses = 0;
  [[nodiscard]] std::int64_t tasks() const { return wins + ties + losses; }
};

/// Compares `ours` with `other` on at most `tasks` users, drawn by the seed from those that both have and whose item `reachable` ranks first
/// (the oracle does where the item is among the candidates): elsewhere nobody can win. One duel per metric; higher is better.
std::vector<Duel> play_duels(const PerUserValues& ours, const PerUserValues& other, const PerUserValues& reachable,
                             std::int64_t tasks, std::uint64_t seed);

}  // namespace llama4rec::pipeline
