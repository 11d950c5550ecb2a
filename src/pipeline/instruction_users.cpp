#include "pipeline/instruction_users.h"

#include <algorithm>

#include <llama4rec/error.h>

#include "core/log.h"
#include "pipeline/case_histories.h"
#include "prompts/user_clusters.h"

namespace llama4rec::pipeline {
namespace {

/// Whose row means something.
struct Embeddings {
  torch::Tensor rows;  ///< [users, dimension]; undefined where no model has any
  std::vector<bool> known;
};

Embeddings embeddings_of(const RunSetup& setup, const InteractionSet& fit_on, const TuningModels& models) {
  std::vector<UserIndex> users;
  std::vector<std::vector<ItemIndex>> liked;
  Embeddings of_liked;
  Embeddings of_rated;
  for (UserIndex user = 0; user < setup.dataset().users(); ++user) {
    TracedHistory history = history_of(setup, user, fit_on, setup.dataset().size());
    users.push_back(user);
    of_liked.known.push_back(!history.liked.empty());
    of_rated.known.push_back(!history.rated.empty());
    liked.push_back(std::move(history.liked));
  }
  for (const TopKRecommender* model : {models.direct, models.sequential}) {
    if (model == nullptr) continue;
    of_liked.rows = model->user_embeddings(users, liked);
    if (of_liked.rows.defined()) return of_liked;
  }
  if (models.rating != nullptr) of_rated.rows = models.rating->user_embeddings(users);
  return of_rated;
}

}  // namespace

prompts::SampledUsers instruction_users(const RunSetup& setup, const prompts::InstructionFold& fold,
                                        const TuningModels& models, std::uint64_t seed) {
  const auto users = static_cast<std::size_t>(setup.dataset().users());
  const auto user_of = [&](InteractionIndex i) {
    return static_cast<std::size_t>(setup.dataset().interactions[static_cast<std::size_t>(i)].user);
  };
  prompts::SampledUsers result{.interactions = std::vector<std::int64_t>(users, 0), .clusters = {}};
  for (const InteractionIndex i : fold.allowed.members()) ++result.interactions[user_of(i)];
  if (setup.instructions.sampling != "clusters" || setup.instructions.most == 0) return result;

  const Embeddings embeddings = embeddings_of(setup, fold.before, models);
  if (!embeddings.rows.defined()) {
    throw UsageError(
        "instructions.sampling: clusters needs embeddings of users, and none of instructions.direct_backbone, "
        "instructions.sequential_backbone and instructions.rating_backbone has any");
  }
  std::vector<bool> eligible(users, false);
  for (const InteractionIndex i : fold.targets.members()) eligible[user_of(i)] = embeddings.known[user_of(i)];
  const torch::Tensor rows = embeddings.rows.to(torch::kFloat32).contiguous();
  const prompts::PointRows points{.values = {rows.data_ptr<float>(), static_cast<std::size_t>(rows.numel())},
                                  .dimension = rows.size(1)};
  prompts::Clustering clustering = prompts::cluster_users(points, eligible, setup.instructions.clusters, seed);
  log::info("instructions: {} users in {} clusters, {} after {} iterations",
            std::count_if(clustering.cluster_of.begin(), clustering.cluster_of.end(), [](auto c) { return c >= 0; }),
            clustering.clusters, clustering.stable ? "stable" : "not yet stable", clustering.iterations);
  result.clusters = std::move(clustering.cluster_of);
  return result;
}

}  // namespace llama4rec::pipeline
