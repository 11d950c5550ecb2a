// Small data sets in their original layouts, written to a temporary folder.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/dataset.h>
#include <llama4rec/error.h>
#include <unistd.h>

#include "data/load.h"

namespace llama4rec::data {

/// A folder that goes with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "llama4rec-data-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  TemporaryDirectory(TemporaryDirectory&&) = delete;
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(path_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::filesystem::path path_;
};

using Files = std::map<std::string, std::string>;

inline void write_files(const TemporaryDirectory& directory, const Files& files) {
  for (const auto& [name, text] : files) directory.write(name, text);
}

/// The message of the error that a call throws; empty where it throws none.
template <class Exception = DataError, class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Exception& error) {
    return error.what();
  }
  return {};
}

/// The count of a notice; 0 where there is none.
inline std::int64_t notice(const Dataset& dataset, const std::string& what) {
  for (const auto& notice : dataset.notices) {
    if (notice.what == what) return notice.count;
  }
  return 0;
}

/// The folder of an original data set on this machine, if there is one.
inline std::optional<std::filesystem::path> original(const std::string& name) { return locate(name, {}); }

/// Rows like "u1 i2 5 @10" of a data set's interactions, in order.
inline std::vector<std::string> rows(const Dataset& dataset) {
  std::vector<std::string> result;
  for (const auto& interaction : dataset.interactions) {
    result.push_back(dataset.user_ids[static_cast<std::size_t>(interaction.user)] + " " +
                     dataset.item_ids[static_cast<std::size_t>(interaction.item)] + " " +
                     std::to_string(static_cast<int>(interaction.rating)) + " @" +
                     std::to_string(interaction.timestamp));
  }
  return result;
}

}  // namespace llama4rec::data
