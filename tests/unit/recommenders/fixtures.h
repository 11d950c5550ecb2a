// Small training data for the tests of recommenders.
#pragma once

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <llama4rec/recommender.h>
#include <unistd.h>

#include "config/configuration.h"
#include "core/random.h"
#include "recommenders/registry.h"

namespace llama4rec::recommenders {

/// Training data from histories; its provenance is one interaction per element.
inline TopKTrainingData training_data(std::vector<std::vector<ItemIndex>> histories, std::int64_t items) {
  TopKTrainingData data{.users = static_cast<std::int64_t>(histories.size()),
                        .items = items,
                        .histories = std::move(histories),
                        .pairs = {},
                        .provenance = {}};
  std::int64_t size = 0;
  for (const auto& history : data.histories) size += static_cast<std::int64_t>(history.size());
  data.provenance = {.what = "test data", .interactions = InteractionSet(size + 3)};
  for (std::int64_t n = 0; n < size; ++n) data.provenance.interactions.insert(n);
  return data;
}

/// Users and items in two groups; a user's history is `length` random items of their own group.
inline TopKTrainingData two_groups(std::int64_t users, std::int64_t items, std::size_t length, std::uint64_t seed) {
  RandomStream stream(seed, "tests.two_groups");
  std::vector<std::vector<ItemIndex>> histories;
  for (std::int64_t user = 0; user < users; ++user) {
    std::vector<ItemIndex> group;
    for (std::int64_t item = user % 2; item < items; item += 2) group.push_back(static_cast<ItemIndex>(item));
    stream.shuffle(std::span(group));
    group.resize(std::min(length, group.size()));
    histories.push_back(group);
  }
  return training_data(std::move(histories), items);
}

/// The defaults, and what the assignments say.
inline config::Configuration configuration(const std::vector<std::string>& assignments = {}) {
  auto table = std::make_shared<config::OptionTable>();
  add_options(*table);
  config::Configuration result(table);
  for (const auto& assignment : assignments) result.set(assignment);
  return result;
}

/// What a hook throws that ends a fit at a place of the test's choosing.
struct Killed : std::runtime_error {
  Killed() : std::runtime_error("killed") {}
};

/// A folder that is gone when the test is over.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "llama4rec-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  TemporaryFolder(TemporaryFolder&&) = delete;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;

  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace llama4rec::recommenders
