// The user-item graph with symmetric normalisation, as compressed rows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <llama4rec/dataset.h>

namespace llama4rec::recommenders {

/// Nodes are the users, then the items. An edge (u, i) has the weight 1 / sqrt(degree(u) degree(i)) (He et al., LightGCN, SIGIR
/// 2020, eq. 3); repeated interactions are one edge. The matrix is symmetric; nodes without edges have empty rows.
struct InteractionGraph {
  std::int64_t users = 0;
  std::int64_t items = 0;
  std::vector<std::int64_t> offsets;    ///< [nodes + 1]
  std::vector<std::int32_t> columns;    ///< [edges], neighbours, ascending in a row
  std::vector<float> weights;           ///< [edges]
  std::vector<std::int64_t> partition;  ///< row ranges of about equal work, [chunks + 1]

  [[nodiscard]] std::int64_t nodes() const { return users + items; }
  [[nodiscard]] std::int64_t edges() const { return static_cast<std::int64_t>(columns.size()); }
};

/// The graph with some of its edges, normalised anew by the degrees that are left. `keep` is [edges / 2]: for every edge of the users'
/// rows, in their order, whether it stays; the items' rows follow.
InteractionGraph subgraph(const InteractionGraph& graph, std::span<const std::uint8_t> keep);

/// From each user's items; indices have been checked.
InteractionGraph build_graph(std::span<const std::vector<ItemIndex>> histories, std::int64_t items);

}  // namespace llama4rec::recommenders
