#include "recommenders/direct/popularity.h"

#include <cmath>

namespace llama4rec::recommenders {

FitSummary Popularity::fit(const TopKTrainingData& data, const FitHooks& hooks) {
  begin_fit(data);
  const EpochReport report{.epoch = 1,
                           .loss = 0,
                           .seconds = 0,
                           .validation = hooks.validation_score ? hooks.validation_score() : std::nan("")};
  if (hooks.on_epoch) hooks.on_epoch(report);
  return {.epochs = 1, .best_epoch = 1, .train_seconds = 0};
}

torch::Tensor Popularity::score(std::span<const UserIndex> users,
                                std::span<const std::vector<ItemIndex>> /*histories*/) const {
  check_scoring(users);
  torch::Tensor row = torch::empty({items()}, torch::kFloat32);
  popularity_row({row.data_ptr<float>(), static_cast<std::size_t>(items())});
  return row.expand({static_cast<std::int64_t>(users.size()), items()}).contiguous();
}

torch::Tensor Popularity::user_embeddings(std::span<const UserIndex> /*users*/,
                                          std::span<const std::vector<ItemIndex>> /*histories*/) const {
  return {};
}

void Popularity::save(const std::filesystem::path& file) const { write_model(file, file_content()); }

void Popularity::load(const std::filesystem::path& file) { begin_load(read_model(file, name()), file); }

}  // namespace llama4rec::recommenders
