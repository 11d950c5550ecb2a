// Small rating data with attributes, and the six models over it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "recommenders/rating/afm.h"
#include "recommenders/rating/autoint.h"
#include "recommenders/rating/dcn.h"
#include "recommenders/rating/deepfm.h"
#include "recommenders/rating/nfm.h"
#include "recommenders/rating/xdeepfm.h"

namespace llama4rec::recommenders {

/// Ratings that a user's and an item's hidden sign decide, with attributes of every kind; keeps what the data points to.
struct AttributedRatings {
  AttributeTable user_attributes;
  AttributeTable item_attributes;
  RatingTrainingData data;
  std::vector<RatingExample> left_out;

  AttributedRatings(std::int64_t users, std::int64_t items, std::uint64_t seed) {
    RandomStream stream(seed, "tests.attributed_ratings");
    user_attributes = {.names = {"age", "city"}, .values = {{}, {}}};
    item_attributes = {.names = {"genres"}, .values = {{}}};
    std::vector<double> user_taste;
    std::vector<double> item_kind;
    for (std::int64_t u = 0; u < users; ++u) {
      user_taste.push_back(stream.below(2) == 0 ? 1 : -1);
      user_attributes.values[0].push_back(u % 7 == 0 ? "" : std::to_string(18 + stream.below(50)));
      user_attributes.values[1].push_back(u % 5 == 0 ? "Rome" : (u % 5 == 1 ? "" : "Oslo"));
    }
    for (std::int64_t i = 0; i < items; ++i) {
      item_kind.push_back(stream.below(2) == 0 ? 1 : -1);
      const char* genres[] = {"Drama|Comedy", "Drama", "", "Comedy|War|Drama"};
      item_attributes.values[0].push_back(genres[stream.below(4)]);
    }
    data = {.users = users, .items = items, .user_attributes = &user_attributes, .item_attributes = &item_attributes};
    for (std::int64_t u = 0; u < users; ++u) {
      for (std::int64_t i = 0; i < items; ++i) {
        const double value = 3 + 1.5 * user_taste[static_cast<std::size_t>(u)] * item_kind[static_cast<std::size_t>(i)];
        const RatingExample example{static_cast<UserIndex>(u), static_cast<ItemIndex>(i), static_cast<float>(value)};
        (stream.below(4) == 0 ? left_out : data.examples).push_back(example);
      }
    }
    data.provenance = {.what = "test ratings", .interactions = InteractionSet(3)};
    data.provenance.interactions.insert(1);
  }
  AttributedRatings(const AttributedRatings&) = delete;
  AttributedRatings& operator=(const AttributedRatings&) = delete;
};

/// Settings under which a small model learns the signs.
inline DeepRatingSettings small_settings(std::uint64_t seed = 1) {
  DeepRatingSettings settings{.seed = seed};
  settings.train.epochs = 30;
  settings.train.batch_size = 32;
  settings.train.learning_rate = 1e-2;
  settings.train.patience = 30;
  settings.train.validate_every = 1;
  settings.train.embedding = 4;
  settings.train.regularization = 1e-4;
  settings.rating.embedding_deviation = 0.1;
  return settings;
}

/// A fresh model by its registry name, with small layers.
inline std::unique_ptr<DeepRatingModel> small_model(const std::string& name, DeepRatingSettings settings,
                                                    double dropout = 0) {
  if (name == "deepfm") return std::make_unique<DeepFm>(settings, DeepFmOptions{{8, 5}, dropout});
  if (name == "nfm") return std::make_unique<Nfm>(settings, NfmOptions{{8, 5}, dropout, dropout});
  if (name == "dcn") return std::make_unique<Dcn>(settings, DcnOptions{{8, 5}, dropout, 2, "vector"});
  if (name == "dcn-matrix") return std::make_unique<Dcn>(settings, DcnOptions{{8, 5}, dropout, 2, "matrix"});
  if (name == "afm") return std::make_unique<Afm>(settings, AfmOptions{3, dropout});
  if (name == "xdeepfm") return std::make_unique<XDeepFm>(settings, XDeepFmOptions{{8, 5}, dropout, {6, 4}, true});
  if (name == "xdeepfm-whole") {
    return std::make_unique<XDeepFm>(settings, XDeepFmOptions{{8, 5}, dropout, {6, 4, 3}, false});
  }
  return std::make_unique<AutoInt>(settings, AutoIntOptions{{8, 5}, dropout, 2, 2, 0, name == "autoint-scaled"});
}

inline const std::vector<std::string>& deep_rating_variants() {
  static const std::vector<std::string> names = {"deepfm",  "nfm",           "dcn",     "dcn-matrix",    "afm",
                                                 "xdeepfm", "xdeepfm-whole", "autoint", "autoint-scaled"};
  return names;
}

}  // namespace llama4rec::recommenders
