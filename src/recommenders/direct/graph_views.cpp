#include "recommenders/direct/graph_views.h"

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/random.h"

namespace llama4rec::recommenders {
namespace {

/// Which edges of the users' rows stay when single edges are left out.
std::vector<std::uint8_t> without_edges(const InteractionGraph& graph, double rate, RandomStream& stream) {
  std::vector<std::uint8_t> keep(static_cast<std::size_t>(graph.edges() / 2));
  for (auto& flag : keep) flag = stream.uniform() >= rate ? 1 : 0;
  return keep;
}

/// Which stay when nodes are left out.
std::vector<std::uint8_t> without_nodes(const InteractionGraph& graph, double rate, RandomStream& stream) {
  std::vector<std::uint8_t> stays(static_cast<std::size_t>(graph.nodes()));
  for (auto& flag : stays) flag = stream.uniform() >= rate ? 1 : 0;
  std::vector<std::uint8_t> keep(static_cast<std::size_t>(graph.edges() / 2));
  for (std::size_t user = 0; user < static_cast<std::size_t>(graph.users); ++user) {
    for (auto edge = static_cast<std::size_t>(graph.offsets[user]);
         edge < static_cast<std::size_t>(graph.offsets[user + 1]); ++edge) {
      keep[edge] = stays[user] & stays[static_cast<std::size_t>(graph.columns[edge])];
    }
  }
  return keep;
}

}  // namespace

ViewKind parse_view_kind(const std::string& name) {
  if (name == "node_drop") return ViewKind::kNodeDrop;
  if (name == "edge_drop") return ViewKind::kEdgeDrop;
  if (name == "random_walk") return ViewKind::kRandomWalk;
  throw UsageError(fmt::format("unknown view \"{}\", expected node_drop, edge_drop or random_walk", name));
}

GraphView draw_view(const InteractionGraph& graph, const ViewSettings& settings, std::int64_t epoch,
                    std::uint64_t view) {
  const std::int64_t graphs = settings.kind == ViewKind::kRandomWalk ? settings.layers : 1;
  GraphView result;
  for (std::int64_t layer = 0; layer < graphs; ++layer) {
    RandomStream stream(settings.seed, "recommenders.graph_views",
                        {static_cast<std::uint64_t>(epoch), view, static_cast<std::uint64_t>(layer)});
    const auto keep = settings.kind == ViewKind::kNodeDrop ? without_nodes(graph, settings.drop_rate, stream)
                                                           : without_edges(graph, settings.drop_rate, stream);
    result.graphs.push_back(subgraph(graph, keep));
  }
  return result;
}

}  // namespace llama4rec::recommenders
