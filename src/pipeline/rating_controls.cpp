#include "pipeline/rating_controls.h"

#include <algorithm>

namespace llama4rec::pipeline {
namespace {

constexpr std::size_t kLatest = 5;
constexpr double kShrinkage = 5;

}  // namespace

std::vector<double> recency_corrected(const RatingPredictor& model, const RatingPhaseCases& cases,
                                      const Dataset& dataset) {
  std::vector<UserIndex> users;
  std::vector<ItemIndex> items;
  std::vector<double> ratings;
  std::vector<std::size_t> counts;
  for (const auto& it : cases.cases) {
    const std::size_t count = std::min(kLatest, it.history.size());
    counts.push_back(count);
    for (std::size_t n = it.history.size() - count; n < it.history.size(); ++n) {
      users.push_back(it.user);
      items.push_back(it.history[n].item);
      ratings.push_back(it.history[n].rating);
    }
  }
  const torch::Tensor predicted = model.predict(users, items).contiguous();
  const float* values = predicted.data_ptr<float>();
  std::vector<double> result;
  std::size_t next = 0;
  for (std::size_t n = 0; n < cases.cases.size(); ++n) {
    double sum = 0;
    for (std::size_t i = 0; i < counts[n]; ++i, ++next) sum += ratings[next] - static_cast<double>(values[next]);
    result.push_back(std::clamp(cases.cases[n].predicted_rating + sum / (static_cast<double>(counts[n]) + kShrinkage),
                                static_cast<double>(dataset.rating_minimum),
                                static_cast<double>(dataset.rating_maximum)));
  }
  return result;
}

}  // namespace llama4rec::pipeline
