#include "prompts/user_clusters.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace llama4rec::prompts {
namespace {

double squared_distance(std::span<const float> point, std::span<const double> centre) {
  double sum = 0;
  for (std::size_t d = 0; d < point.size(); ++d) {
    const double difference = static_cast<double>(point[d]) - centre[d];
    sum += difference * difference;
  }
  return sum;
}

/// Points on their way to their clusters.
class Iterations {
 public:
  Iterations(const PointRows& points, std::vector<double> centres)
      : points_(points),
        centres_(std::move(centres)),
        clusters_(static_cast<std::int64_t>(centres_.size()) / points.dimension),
        cluster_of_(static_cast<std::size_t>(points.count()), -1),
        distances_(static_cast<std::size_t>(points.count())),
        sizes_(static_cast<std::size_t>(clusters_)) {}

  /// False where nothing moved.
  bool step() {
    const std::vector<std::int64_t> before = cluster_of_;
    assign();
    fill_empty();
    if (cluster_of_ == before) return false;
    average();
    return true;
  }

  /// The clusters that have points, numbered in their order.
  [[nodiscard]] Clustering result() const {
    std::vector<std::int64_t> number(sizes_.size(), -1);
    Clustering clustering;
    for (std::size_t c = 0; c < sizes_.size(); ++c) {
      if (sizes_[c] > 0) number[c] = clustering.clusters++;
    }
    for (const std::int64_t c : cluster_of_) clustering.cluster_of.push_back(c < 0 ? -1 : number[at(c)]);
    return clustering;
  }

 private:
  static std::size_t at(std::int64_t n) { return static_cast<std::size_t>(n); }
  std::span<double> centre(std::int64_t cluster) {
    return std::span(centres_).subspan(at(cluster * points_.dimension), at(points_.dimension));
  }

  void assign() {
    std::fill(sizes_.begin(), sizes_.end(), 0);
    for (std::int64_t point = 0; point < points_.count(); ++point) {
      double nearest = std::numeric_limits<double>::infinity();
      for (std::int64_t c = 0; c < clusters_; ++c) {
        const double distance = squared_distance(points_.row(point), centre(c));
        if (distance >= nearest) continue;
        nearest = distance;
        cluster_of_[at(point)] = c;
      }
      distances_[at(point)] = nearest;
      ++sizes_[at(cluster_of_[at(point)])];
    }
  }

  void fill_empty() {
    for (std::int64_t c = 0; c < clusters_; ++c) {
      if (sizes_[at(c)] > 0) continue;
      std::int64_t farthest = -1;
      double distance = 0;
      for (std::int64_t point = 0; point < points_.count(); ++point) {
        if (distances_[at(point)] <= distance || sizes_[at(cluster_of_[at(point)])] == 1) continue;
        distance = distances_[at(point)];
        farthest = point;
      }
      if (farthest < 0) return;
      --sizes_[at(cluster_of_[at(farthest)])];
      cluster_of_[at(farthest)] = c;
      distances_[at(farthest)] = 0;
      sizes_[at(c)] = 1;
    }
  }

  void average() {
    std::fill(centres_.begin(), centres_.end(), 0.0);
    for (std::int64_t point = 0; point < points_.count(); ++point) {
      const auto sum = centre(cluster_of_[at(point)]);
      const auto row = points_.row(point);
      for (std::size_t d = 0; d < row.size(); ++d) sum[d] += row[d];
    }
    for (std::int64_t c = 0; c < clusters_; ++c) {
      for (double& value : centre(c)) value /= static_cast<double>(std::max<std::int64_t>(1, sizes_[at(c)]));
    }
  }

  const PointRows& points_;
  std::vector<double> centres_;  ///< [clusters, dimension]
  std::int64_t clusters_;
  std::vector<std::int64_t> cluster_of_;
  std::vector<double> distances_;  ///< squared, to the own centre
  std::vector<std::int64_t> sizes_;
};

}  // namespace

std::vector<double> first_centres(const PointRows& points, std::int64_t clusters, RandomStream random) {
  std::vector<double> centres;
  const std::int64_t count = points.count();
  if (count == 0) return centres;
  std::vector<double> nearest(static_cast<std::size_t>(count), std::numeric_limits<double>::infinity());
  auto chosen = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(count)));
  for (std::int64_t c = 0; c < clusters; ++c) {
    const auto row = points.row(chosen);
    const std::vector<double> centre(row.begin(), row.end());
    centres.insert(centres.end(), centre.begin(), centre.end());
    double sum = 0;
    for (std::int64_t point = 0; point < count; ++point) {
      double& distance = nearest[static_cast<std::size_t>(point)];
      distance = std::min(distance, squared_distance(points.row(point), centre));
      sum += distance;
    }
    if (sum <= 0) break;  // no other point differs from all centres
    double left = random.uniform() * sum;
    for (std::int64_t point = 0; point < count; ++point) {
      const double distance = nearest[static_cast<std::size_t>(point)];
      if (distance <= 0) continue;
      chosen = point;  // the last one where rounding leaves something over
      left -= distance;
      if (left < 0) break;
    }
  }
  return centres;
}

Clustering move_centres(const PointRows& points, std::vector<double> centres, std::int64_t iterations) {
  if (points.count() == 0 || centres.empty()) {
    return {.cluster_of = std::vector<std::int64_t>(static_cast<std::size_t>(points.count()), -1), .stable = true};
  }
  Iterations moving(points, std::move(centres));
  std::int64_t made = 0;
  bool stable = false;
  while (made < iterations && !stable) {
    stable = !moving.step();
    ++made;
  }
  Clustering result = moving.result();
  result.iterations = made;
  result.stable = stable;
  return result;
}

Clustering cluster_users(const PointRows& embeddings, const std::vector<bool>& eligible, std::int64_t clusters,
                         std::uint64_t seed) {
  std::vector<float> values;
  std::vector<std::int64_t> users;
  for (std::int64_t user = 0; user < embeddings.count(); ++user) {
    const auto row = embeddings.row(user);
    if (!eligible[static_cast<std::size_t>(user)]) continue;
    if (!std::all_of(row.begin(), row.end(), [](float value) { return std::isfinite(value); })) continue;
    users.push_back(user);
    values.insert(values.end(), row.begin(), row.end());
  }
  const PointRows points{.values = values, .dimension = embeddings.dimension};
  Clustering among = move_centres(points, first_centres(points, clusters, RandomStream(seed, "instructions.clusters")));
  std::vector<std::int64_t> cluster_of(static_cast<std::size_t>(embeddings.count()), -1);
  for (std::size_t n = 0; n < users.size(); ++n) cluster_of[static_cast<std::size_t>(users[n])] = among.cluster_of[n];
  among.cluster_of = std::move(cluster_of);
  return among;
}

}  // namespace llama4rec::prompts
