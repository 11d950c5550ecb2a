// Users grouped by their embeddings: k-means, started by k-means++ (Arthur and Vassilvitskii, 2007).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/random.h"

namespace llama4rec::prompts {

/// Points in rows.
struct PointRows {
  std::span<const float> values;  ///< [points, dimension], row by row
  std::int64_t dimension = 0;     ///< at least 1

  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(values.size()) / dimension; }
  [[nodiscard]] std::span<const float> row(std::int64_t point) const {
    return values.subspan(static_cast<std::size_t>(point * dimension), static_cast<std::size_t>(dimension));
  }
};

/// Which point is in which cluster.
struct Clustering {
  std::vector<std::int64_t> cluster_of;  ///< by point, from 0; -1: in none
  std::int64_t clusters = 0;             ///< none of them is empty
  std::int64_t iterations = 0;
  bool stable = false;  ///< the last iteration moved nothing
};

inline constexpr std::int64_t kClusterIterations = 50;

/// Centres [at most `clusters`, dimension] that are points: the first drawn uniformly, each further one with a probability proportional to
/// the squared distance to the nearest that there is. Fewer than `clusters` where there are fewer different points.
std::vector<double> first_centres(const PointRows& points, std::int64_t clusters, RandomStream random);

/// Lloyd's iterations from `centres` [clusters, dimension] until nothing moves or so many were made. A point goes to the nearest centre
/// (Euclidean; ties: the smaller number). A cluster that has no points takes the one that is farthest from its centre in a cluster of several.
/// Where there is none, all such points lie on their centres: the cluster is left out of the numbering.
Clustering move_centres(const PointRows& points, std::vector<double> centres,
                        std::int64_t iterations = kClusterIterations);

/// Clusters the users whose `eligible` is true and whose embedding is finite; the others are in none. `embeddings`: a row for each user.
Clustering cluster_users(const PointRows& embeddings, const std::vector<bool>& eligible, std::int64_t clusters,
                         std::uint64_t seed);

}  // namespace llama4rec::prompts
