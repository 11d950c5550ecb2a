#include "data/load.h"

#include <array>
#include <cstdlib>

#include "core/text.h"
#include "data/book_crossing.h"
#include "data/folder.h"
#include "data/movielens.h"
#include "data/source_data.h"

namespace llama4rec::data {
namespace {

namespace fs = std::filesystem;

/// A layout that is recognised by one of its files.
struct Layout {
  const char* name;
  const char* file;
  SourceData (*read)(const fs::path&);
};

constexpr std::array kLayouts = {
    Layout{.name = "", .file = "dataset.json", .read = read_folder},
    Layout{.name = "ml-100k", .file = "u.data", .read = read_movielens_100k},
    Layout{.name = "ml-1m", .file = "ratings.dat", .read = read_movielens_1m},
    Layout{.name = "book-crossing", .file = "BX-Book-Ratings.csv", .read = read_book_crossing},
};

const Layout* layout_of(const fs::path& folder) {
  for (const auto& layout : kLayouts) {
    std::error_code error;
    if (fs::is_regular_file(folder / layout.file, error)) return &layout;
  }
  return nullptr;
}

std::vector<fs::path> data_directories(const DataOptions& options) {
  if (!options.directory.empty()) return {options.directory};
  std::vector<fs::path> directories;
  if (const char* variable = std::getenv("LLAMA4REC_DATA"); variable != nullptr && *variable != '\0') {
    directories.emplace_back(variable);
  }
  directories.emplace_back("data");
  directories.emplace_back("../shared/data");
  return directories;
}

/// Where the sample may lie: named by the environment, installed beside the program, in the source tree.
std::vector<fs::path> sample_directories() {
  std::vector<fs::path> directories;
  if (const char* variable = std::getenv("LLAMA4REC_SAMPLES"); variable != nullptr && *variable != '\0') {
    directories.emplace_back(variable);
  }
  std::error_code error;
  if (const auto program = fs::read_symlink("/proc/self/exe", error); !error) {
    directories.push_back(program.parent_path().parent_path() / "share" / "llama4rec" / "samples");
  }
#ifdef LLAMA4REC_SOURCE_SAMPLES
  directories.emplace_back(LLAMA4REC_SOURCE_SAMPLES);
#endif
  return directories;
}

std::vector<fs::path> candidates(const std::string& name, const DataOptions& options) {
  std::vector<fs::path> folders;
  if (name == "sample") {
    for (const auto& directory : sample_directories()) folders.push_back(directory / "synthetic-movies");
    return folders;
  }
  for (const auto& directory : data_directories(options)) folders.push_back(directory / name);
  return folders;
}

[[noreturn]] void fail_missing(const std::string& name, const DataOptions& options) {
  if (std::error_code error; fs::is_directory(name, error)) {
    throw DataError("folder " + name +
                    " holds no data set, expected one of dataset.json, u.data, ratings.dat, "
                    "BX-Book-Ratings.csv (other formats: llama4rec data import)");
  }
  std::vector<std::string> places;
  for (const auto& folder : candidates(name, options)) places.push_back(folder.string());
  std::string advice = "expected ml-100k, ml-1m, book-crossing, sample or the folder of an imported data set";
  for (const auto& layout : kLayouts) {
    if (name == layout.name)
      advice = "get it with: llama4rec data fetch " + name + ", or set data.directory or LLAMA4REC_DATA";
  }
  throw DataError("data set \"" + name + "\" was not found, looked at " + text::join(places, ", ") + "; " + advice);
}

/// Ids like "../x" are paths, not names.
bool is_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name != "." && name != "..";
}

}  // namespace

void DataOptions::declare(config::OptionVisitor& visit) {
  visit.option("data.directory", directory, config::anything(),
               "Folder that the data sets lie in. Empty: $LLAMA4REC_DATA, then ./data, then ../shared/data.");
  visit.option(
      "data.positive_threshold", positive_threshold, config::at_least(-1),
      "Lowest rating that counts as positive feedback for direct and sequential recommendation; 0 = all ratings. -1: "
      "the data set's own, 4 for MovieLens and 8 for Book-Crossing.",
      "IV-A1");
  visit.option(
      "data.core", core, config::at_least(-1),
      "k of the k-core: users and items with fewer interactions are removed repeatedly. -1: the data set's own, 5 for "
      "Book-Crossing and none for the others.",
      "IV-A1");
  visit.option("data.order_seed", order_seed, config::at_least(0),
               "Seed of the order of a user's interactions where there are no timestamps.", "IV-A1");
  visit.option("data.tie_seed", tie_seed, config::at_least(0),
               "Seed of a random order of a user's interactions that have the same timestamp; 0: as in the file.");
}

Split LoadedData::split(Task task) const {
  return explicit_parts ? Split::from_parts(dataset, task, positive_threshold, *explicit_parts)
                        : Split::leave_one_out(dataset, task, positive_threshold);
}

std::optional<fs::path> locate(const std::string& name, const DataOptions& options) {
  if (!is_name(name)) return std::nullopt;
  for (const auto& folder : candidates(name, options)) {
    if (layout_of(folder) != nullptr) return folder;
  }
  return std::nullopt;
}

LoadedData load(const std::string& name_or_directory, const DataOptions& options) {
  auto folder = locate(name_or_directory, options);
  if (!folder && layout_of(name_or_directory) != nullptr) folder = name_or_directory;
  if (!folder) fail_missing(name_or_directory, options);
  auto source = layout_of(*folder)->read(*folder);
  const auto core = options.core >= 0 ? options.core : source.core;
  const auto threshold = options.positive_threshold >= 0 ? options.positive_threshold : source.positive_threshold;
  return assemble(std::move(source), {.core = core,
                                      .positive_threshold = static_cast<float>(threshold),
                                      .order_seed = static_cast<std::uint64_t>(options.order_seed),
                                      .tie_seed = static_cast<std::uint64_t>(options.tie_seed)});
}

}  // namespace llama4rec::data
