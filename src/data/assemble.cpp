#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include <llama4rec/error.h>

#include "core/random.h"
#include "data/source_data.h"
#include "data/source_text.h"

namespace llama4rec::data {
namespace {

template <class Index>
std::size_t at(Index index) {
  return static_cast<std::size_t>(index);
}

/// Positions of interactions, grouped by user: [offsets[u], offsets[u + 1]) in file order.
struct Grouped {
  std::vector<std::size_t> offsets;
  std::vector<std::size_t> positions;
};

Grouped group_by_user(const std::vector<Interaction>& interactions, std::int64_t users) {
  Grouped grouped{.offsets = std::vector<std::size_t>(at(users) + 1, 0),
                  .positions = std::vector<std::size_t>(interactions.size())};
  for (const auto& interaction : interactions) ++grouped.offsets[at(interaction.user) + 1];
  std::partial_sum(grouped.offsets.begin(), grouped.offsets.end(), grouped.offsets.begin());
  std::vector<std::size_t> next(grouped.offsets.begin(), grouped.offsets.end() - 1);
  for (std::size_t i = 0; i < interactions.size(); ++i) grouped.positions[next[at(interactions[i].user)]++] = i;
  return grouped;
}

void sort_by_time(Grouped& grouped, const std::vector<Interaction>& interactions) {
  for (std::size_t user = 0; user + 1 < grouped.offsets.size(); ++user) {
    std::sort(grouped.positions.begin() + static_cast<std::ptrdiff_t>(grouped.offsets[user]),
              grouped.positions.begin() + static_cast<std::ptrdiff_t>(grouped.offsets[user + 1]),
              [&](std::size_t a, std::size_t b) {
                return interactions[a].timestamp != interactions[b].timestamp
                           ? interactions[a].timestamp < interactions[b].timestamp
                           : a < b;
              });
  }
}

/// A random order among a user's interactions of one timestamp; positions are sorted by time.
void permute_ties(Grouped& grouped, const Dataset& dataset, std::uint64_t seed) {
  for (std::size_t user = 0; user + 1 < grouped.offsets.size(); ++user) {
    RandomStream stream(seed, "data.ties/" + dataset.user_ids[user]);
    const auto end = grouped.positions.begin() + static_cast<std::ptrdiff_t>(grouped.offsets[user + 1]);
    for (auto begin = grouped.positions.begin() + static_cast<std::ptrdiff_t>(grouped.offsets[user]); begin != end;) {
      const auto time = dataset.interactions[*begin].timestamp;
      const auto next =
          std::find_if(begin, end, [&](std::size_t p) { return dataset.interactions[p].timestamp != time; });
      stream.shuffle(std::span(begin, next));
      begin = next;
    }
  }
}

/// Applies `grouped` to the source: interactions (and parts) in that order, without those whose item occurs later again.
std::int64_t order_and_drop_repeats(SourceData& source, const Grouped& grouped) {
  const auto& old = source.dataset.interactions;
  std::vector<std::int64_t> last_user(source.dataset.item_ids.size(), -1);
  std::vector<bool> keep(old.size(), true);
  std::int64_t dropped = 0;
  for (std::size_t i = grouped.positions.size(); i-- > 0;) {
    const auto& interaction = old[grouped.positions[i]];
    if (last_user[at(interaction.item)] == interaction.user) {
      keep[i] = false;
      ++dropped;
    }
    last_user[at(interaction.item)] = interaction.user;
  }
  std::vector<Interaction> ordered;
  std::vector<Part> parts;
  ordered.reserve(old.size() - at(dropped));
  for (std::size_t i = 0; i < grouped.positions.size(); ++i) {
    if (!keep[i]) continue;
    ordered.push_back(old[grouped.positions[i]]);
    if (!source.parts.empty()) parts.push_back(source.parts[grouped.positions[i]]);
  }
  source.dataset.interactions = std::move(ordered);
  source.parts = std::move(parts);
  return dropped;
}

/// New positions of the members that stay, -1 for the others.
std::vector<std::int32_t> renumbered(const std::vector<bool>& keep) {
  std::vector<std::int32_t> positions(keep.size(), -1);
  std::int32_t next = 0;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (keep[i]) positions[i] = next++;
  }
  return positions;
}

void keep_rows(std::vector<std::string>& rows, const std::vector<bool>& keep) {
  if (rows.empty()) return;
  std::size_t next = 0;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (!keep[i]) continue;
    if (next != i) rows[next] = std::move(rows[i]);
    ++next;
  }
  rows.resize(next);
}

void keep_rows(AttributeTable& table, const std::vector<bool>& keep) {
  for (auto& column : table.values) keep_rows(column, keep);
}

std::int64_t missing(const std::vector<bool>& keep) { return std::count(keep.begin(), keep.end(), false); }

/// Drops what is not kept; the order of the rest stays.
void filter(SourceData& source, const std::vector<bool>& keep_users, const std::vector<bool>& keep_items) {
  auto& dataset = source.dataset;
  const auto users = renumbered(keep_users);
  const auto items = renumbered(keep_items);
  std::size_t next = 0;
  for (std::size_t i = 0; i < dataset.interactions.size(); ++i) {
    Interaction interaction = dataset.interactions[i];
    interaction.user = users[at(interaction.user)];
    interaction.item = items[at(interaction.item)];
    if (interaction.user < 0 || interaction.item < 0) continue;
    dataset.interactions[next] = interaction;
    if (!source.parts.empty()) source.parts[next] = source.parts[i];
    ++next;
  }
  dataset.interactions.resize(next);
  if (!source.parts.empty()) source.parts.resize(next);
  keep_rows(dataset.user_ids, keep_users);
  keep_rows(dataset.item_ids, keep_items);
  keep_rows(dataset.item_titles, keep_items);
  keep_rows(dataset.user_attributes, keep_users);
  keep_rows(dataset.item_attributes, keep_items);
}

/// Members with at least one interaction.
CoreMembers occurring(const Dataset& dataset) {
  CoreMembers members{.users = std::vector<bool>(dataset.user_ids.size(), false),
                      .items = std::vector<bool>(dataset.item_ids.size(), false)};
  for (const auto& interaction : dataset.interactions) {
    members.users[at(interaction.user)] = true;
    members.items[at(interaction.item)] = true;
  }
  return members;
}

void permute(Dataset& dataset, std::vector<Part>& parts, std::uint64_t seed) {
  for (std::size_t user = 0; user < dataset.user_ids.size(); ++user) {
    const auto begin = at(dataset.user_offsets[user]);
    const auto size = at(dataset.user_offsets[user + 1]) - begin;
    std::vector<std::size_t> order(size);
    std::iota(order.begin(), order.end(), begin);
    // By the id, not by the index: a filter that removes other users does not change this user's order.
    RandomStream(seed, "data.order/" + dataset.user_ids[user]).shuffle(std::span(order));
    std::vector<Interaction> interactions(size);
    std::vector<Part> user_parts(parts.empty() ? 0 : size);
    for (std::size_t i = 0; i < size; ++i) {
      interactions[i] = dataset.interactions[order[i]];
      if (!parts.empty()) user_parts[i] = parts[order[i]];
    }
    std::copy(interactions.begin(), interactions.end(),
              dataset.interactions.begin() + static_cast<std::ptrdiff_t>(begin));
    std::copy(user_parts.begin(), user_parts.end(),
              parts.begin() + static_cast<std::ptrdiff_t>(parts.empty() ? 0 : begin));
  }
}

void set_offsets(Dataset& dataset) {
  dataset.user_offsets.assign(dataset.user_ids.size() + 1, 0);
  for (const auto& interaction : dataset.interactions) ++dataset.user_offsets[at(interaction.user) + 1];
  std::partial_sum(dataset.user_offsets.begin(), dataset.user_offsets.end(), dataset.user_offsets.begin());
}

}  // namespace

CoreMembers k_core(const std::vector<Interaction>& interactions, std::int64_t users, std::int64_t items,
                   std::int64_t core) {
  CoreMembers members{.users = std::vector<bool>(at(users), true), .items = std::vector<bool>(at(items), true)};
  for (bool changed = true; changed; ++members.rounds) {
    std::vector<std::int64_t> user_counts(at(users), 0);
    std::vector<std::int64_t> item_counts(at(items), 0);
    for (const auto& interaction : interactions) {
      if (!members.users[at(interaction.user)] || !members.items[at(interaction.item)]) continue;
      ++user_counts[at(interaction.user)];
      ++item_counts[at(interaction.item)];
    }
    changed = false;
    const auto remove = [&](std::vector<bool>& flags, const std::vector<std::int64_t>& counts) {
      for (std::size_t i = 0; i < flags.size(); ++i) {
        if (flags[i] && counts[i] < core) {
          flags[i] = false;
          changed = true;
        }
      }
    };
    remove(members.users, user_counts);
    remove(members.items, item_counts);
  }
  return members;
}

void require_one_part_per_pair(const SourceData& source) {
  if (source.parts.empty()) return;
  const auto& dataset = source.dataset;
  const auto grouped = group_by_user(dataset.interactions, dataset.users());
  constexpr auto kNone = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> last_position(dataset.item_ids.size(), kNone);
  for (const auto position : grouped.positions) {
    const auto user = dataset.interactions[position].user;
    const auto item = dataset.interactions[position].item;
    const auto before = std::exchange(last_position[at(item)], position);
    if (before == kNone || dataset.interactions[before].user != user) continue;
    if (source.parts[before] == source.parts[position]) continue;
    throw DataError("data set \"" + dataset.name + "\": user \"" + excerpt(dataset.user_ids[at(user)]) +
                    "\" and item \"" + excerpt(dataset.item_ids[at(item)]) + "\" are in both " +
                    to_string(source.parts[before]) + " and " + to_string(source.parts[position]) +
                    ", expected a pair in one part only");
  }
}

LoadedData assemble(SourceData source, const AssembleOptions& options) {
  auto& dataset = source.dataset;
  if (dataset.interactions.empty()) throw DataError("data set \"" + dataset.name + "\": there are no interactions");
  require_one_part_per_pair(source);
  if (dataset.item_titles.empty()) dataset.item_titles.resize(dataset.item_ids.size());

  auto grouped = group_by_user(dataset.interactions, dataset.users());
  if (dataset.has_timestamps) sort_by_time(grouped, dataset.interactions);
  if (dataset.has_timestamps && options.tie_seed > 0) permute_ties(grouped, dataset, options.tie_seed);
  add_notice(dataset, "repeated interactions of a user with an item dropped, the last one kept",
             order_and_drop_repeats(source, grouped));

  if (const auto rated = occurring(dataset); missing(rated.users) + missing(rated.items) > 0) {
    add_notice(dataset, "users without interactions dropped", missing(rated.users));
    add_notice(dataset, "items without interactions dropped", missing(rated.items));
    filter(source, rated.users, rated.items);
  }
  if (options.core > 1) {
    const std::string name = std::to_string(options.core) + "-core";
    const auto members = k_core(dataset.interactions, dataset.users(), dataset.items(), options.core);
    const auto before = dataset.size();
    add_notice(dataset, "users removed by the " + name, missing(members.users));
    add_notice(dataset, "items removed by the " + name, missing(members.items));
    filter(source, members.users, members.items);
    add_notice(dataset, "interactions removed by the " + name, before - dataset.size());
    if (dataset.interactions.empty()) {
      throw DataError("data set \"" + dataset.name + "\": nothing is left after the " + name +
                      ", expected a smaller data.core");
    }
  }
  set_offsets(dataset);
  if (!dataset.has_timestamps) permute(dataset, source.parts, options.order_seed);

  const auto [low, high] = std::minmax_element(dataset.interactions.begin(), dataset.interactions.end(),
                                               [](const auto& a, const auto& b) { return a.rating < b.rating; });
  if (low->rating == high->rating)
    add_notice(dataset, "interactions, and all of them have the same rating", dataset.size());

  LoadedData loaded{.dataset = {}, .positive_threshold = options.positive_threshold, .explicit_parts = {}};
  if (!source.parts.empty()) loaded.explicit_parts = std::move(source.parts);
  loaded.dataset = std::move(dataset);
  return loaded;
}

}  // namespace llama4rec::data
