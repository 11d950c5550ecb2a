#include "pipeline/duel.h"

#include <algorithm>
#include <charconv>
#include <span>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/random.h"
#include "core/text.h"

namespace llama4rec::pipeline {

PerUserValues read_per_user(const std::filesystem::path& file, std::uint64_t seed, const std::string& row) {
  const std::string text = read_file(file);
  const auto lines = text::split(text, "\n");
  const auto header = text::split(lines.front(), "\t");
  constexpr std::size_t kFirstMetric = 3;  // seed, row, user
  if (header.size() <= kFirstMetric || header[0] != "seed" || header[1] != "row" || header[2] != "user") {
    throw DataError(fmt::format("{}:1: expected the columns seed, row, user and metrics", file.string()));
  }
  PerUserValues values;
  values.metrics.assign(header.begin() + kFirstMetric, header.end());
  const std::string wanted = std::to_string(seed);
  for (std::size_t n = 1; n < lines.size(); ++n) {
    if (lines[n].empty()) continue;
    const auto fields = text::split(lines[n], "\t");
    if (fields.size() != header.size()) {
      throw DataError(fmt::format("{}:{}: {} fields, expected {}", file.string(), n + 1, fields.size(), header.size()));
    }
    if (fields[0] != wanted || fields[1] != row) continue;
    auto& user = values.by_user[std::string(fields[2])];
    for (std::size_t column = kFirstMetric; column < fields.size(); ++column) {
      double value = 0;
      const auto field = fields[column];
      if (std::from_chars(field.data(), field.data() + field.size(), value).ec != std::errc()) {
        throw DataError(fmt::format("{}:{}: \"{}\", expected a number", file.string(), n + 1, field));
      }
      user.push_back(value);
    }
  }
  if (values.by_user.empty()) throw DataError(fmt::format("{}: no row {} of seed {}", file.string(), row, seed));
  return values;
}

std::vector<Duel> play_duels(const PerUserValues& ours, const PerUserValues& other, const PerUserValues& reachable,
                             std::int64_t tasks, std::uint64_t seed) {
  if (ours.metrics != other.metrics) throw DataError("a duel needs two runs with the same metrics");
  std::vector<std::string> users;
  for (const auto& [user, values] : reachable.by_user) {
    const bool first = *std::max_element(values.begin(), values.end()) > 0;
    if (first && ours.by_user.contains(user) && other.by_user.contains(user)) users.push_back(user);
  }
  RandomStream random(seed, "pipeline.duel");
  random.shuffle(std::span(users));
  users.resize(std::min(users.size(), static_cast<std::size_t>(tasks)));
  std::vector<Duel> duels;
  for (std::size_t metric = 0; metric < ours.metrics.size(); ++metric) {
    Duel duel{.metric = ours.metrics[metric]};
    for (const auto& user : users) {
      const double mine = ours.by_user.at(user)[metric];
      const double theirs = other.by_user.at(user)[metric];
      ++(mine > theirs ? duel.wins : mine < theirs ? duel.losses : duel.ties);
    }
    duels.push_back(duel);
  }
  return duels;
}

}  // namespace llama4rec::pipeline
