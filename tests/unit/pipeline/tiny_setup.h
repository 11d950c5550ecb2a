// A run's set-up over a data set small enough to be worked out by hand, and a recommender whose scores are given.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <llama4rec/recommender.h>

#include "aggregation/aggregation_options.h"
#include "augmentation/attribute_options.h"
#include "augmentation/preference_pairs.h"
#include "augmentation/sequence_insertions.h"
#include "llm/embedded_llm.h"
#include "pipeline/run_setup.h"
#include "recommenders/registry.h"
#include "support/tiny_dataset.h"

namespace llama4rec::pipeline::testing {

/// Positives are ratings of at least 4. `assignments` are options as for --set.
inline std::unique_ptr<RunSetup> tiny_setup(Dataset dataset, const std::vector<std::string>& assignments,
                                            std::optional<std::vector<data::Part>> parts = std::nullopt) {
  auto table = std::make_shared<config::OptionTable>();
  table->add<RunOptions>();
  table->add<augmentation::AttributeOptions>();
  table->add<augmentation::PairOptions>();
  table->add<augmentation::InsertionOptions>();
  table->add<evaluation::EvaluationOptions>();
  table->add<prompts::PromptOptions>();
  table->add<prompts::InstructionOptions>();
  table->add<prompts::PretrainingTextOptions>();
  table->add<prompts::FoldOptions>();
  table->add<aggregation::AggregationOptions>();
  table->add<llm::ModelOptions>();
  table->add<llm::ChatOptions>();
  table->add<llm::EngineOptions>();
  table->add<llm::PretrainingOptions>();
  table->add<llm::TuningOptions>();
  recommenders::add_options(*table);
  config::Configuration configuration(table);
  for (const std::string& assignment : assignments) configuration.set(assignment);
  data::LoadedData loaded{.dataset = std::move(dataset), .positive_threshold = 4, .explicit_parts = std::move(parts)};
  return std::make_unique<RunSetup>(std::move(configuration), std::move(loaded), torch::Device(torch::kCPU));
}

/// Scores every user by one list of item scores; the users' embeddings are given.
class GivenRecommender final : public TopKRecommender {
 public:
  GivenRecommender(std::vector<float> scores, std::vector<std::vector<float>> embeddings, InteractionSet seen)
      : scores_(std::move(scores)),
        embeddings_(std::move(embeddings)),
        known_(scores_.size(), true),
        provenance_{.what = "given scores", .interactions = std::move(seen)} {}

  [[nodiscard]] std::string name() const override { return "given"; }
  FitSummary fit(const TopKTrainingData&, const FitHooks&) override { return {}; }
  [[nodiscard]] torch::Tensor score(std::span<const UserIndex> users,
                                    std::span<const std::vector<ItemIndex>>) const override {
    return torch::tensor(scores_).repeat({static_cast<std::int64_t>(users.size()), 1});
  }
  [[nodiscard]] torch::Tensor user_embeddings(std::span<const UserIndex> users,
                                              std::span<const std::vector<ItemIndex>>) const override {
    std::vector<torch::Tensor> rows;
    for (const UserIndex user : users) rows.push_back(torch::tensor(embeddings_.at(static_cast<std::size_t>(user))));
    return torch::stack(rows);
  }
  [[nodiscard]] const std::vector<bool>& known_items() const override { return known_; }
  [[nodiscard]] const Provenance& provenance() const override { return provenance_; }
  void save(const std::filesystem::path&) const override {}
  void load(const std::filesystem::path&) override {}

 private:
  std::vector<float> scores_;
  std::vector<std::vector<float>> embeddings_;
  std::vector<bool> known_;
  Provenance provenance_;
};

}  // namespace llama4rec::pipeline::testing
