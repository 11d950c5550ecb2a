// Randomly perturbed graphs for contrastive learning (Wu et al., Self-supervised Graph Learning for Recommendation, SIGIR 2021, III-A).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "recommenders/direct/interaction_graph.h"

namespace llama4rec::recommenders {

enum class ViewKind {
  kNodeDrop,    ///< a node is left out with all of its edges (eq. 5)
  kEdgeDrop,    ///< an edge is left out (eq. 6)
  kRandomWalk,  ///< an edge is left out, drawn anew for each layer (eq. 7)
};

/// "node_drop", "edge_drop" or "random_walk".
ViewKind parse_view_kind(const std::string& name);

/// One view: a normalised graph for each layer. Those of node drop and edge drop share one graph.
struct GraphView {
  std::vector<InteractionGraph> graphs;  ///< one, or one per layer
  [[nodiscard]] const InteractionGraph& of_layer(std::size_t layer) const {
    return graphs.size() == 1 ? graphs.front() : graphs[layer];
  }
};

/// How views are drawn.
struct ViewSettings {
  ViewKind kind = ViewKind::kEdgeDrop;
  double drop_rate = 0.1;  ///< probability that a node or an edge is left out
  std::int64_t layers = 2;
  std::uint64_t seed = 1;
};

/// The view number `view` of an epoch; depends on the settings, the epoch and the number only.
GraphView draw_view(const InteractionGraph& graph, const ViewSettings& settings, std::int64_t epoch,
                    std::uint64_t view);

}  // namespace llama4rec::recommenders
