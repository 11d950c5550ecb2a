#include "recommenders/rating/biases.h"

#include "recommenders/epoch_loop.h"

namespace llama4rec::recommenders {

void BiasOptions::declare(config::OptionVisitor& visit) {
  visit.option("biases.user_regularization", user_regularization, config::between(0, 1e6),
               "Weight of a user's squared bias, in ratings.");
  visit.option("biases.item_regularization", item_regularization, config::between(0, 1e6),
               "Weight of an item's squared bias, in ratings.");
}

FitSummary Biases::fit(const RatingTrainingData& data, const FitHooks& hooks) {
  begin_fit(data);
  const EpochSteps steps{.train =
                             [&](std::int64_t) {
                               biases_ = fit_biases(data, options_.user_regularization, options_.item_regularization);
                               return 0.0;
                             },
                         .publish = {},
                         .keep = [] {},
                         .restore = [] {}};
  return run_epochs(name(), {}, hooks, steps);
}

double Biases::raw_prediction(UserIndex user, ItemIndex item) const { return bias_prediction(user, item); }

torch::Tensor Biases::user_embeddings(std::span<const UserIndex> users) const {
  torch::Tensor rows = torch::zeros({static_cast<std::int64_t>(users.size()), 1}, torch::kFloat32);
  for (std::size_t n = 0; n < users.size(); ++n) {
    const auto user = static_cast<std::size_t>(users[n]);
    if (user < biases_.users.size()) rows.data_ptr<float>()[n] = static_cast<float>(biases_.users[user]);
  }
  return rows;
}

void Biases::save(const std::filesystem::path& file) const { write_model(file, file_content()); }

void Biases::load(const std::filesystem::path& file) { begin_load(read_model(file, name()), file); }

}  // namespace llama4rec::recommenders
