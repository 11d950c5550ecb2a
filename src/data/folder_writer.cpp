#include <unistd.h>

#include <array>
#include <charconv>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "data/exchange_folders.h"
#include "data/folder.h"

namespace llama4rec::data {
namespace {

namespace fs = std::filesystem;

template <class Number>
void append_number(std::string& text, Number value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text.append(digits.data(), end);
}

void append_attributes(std::string& text, const AttributeTable& table, std::size_t row) {
  for (const auto& column : table.values) {
    text += '\t';
    text += escape_cell(column[row]);
  }
  text += '\n';
}

void append_names(std::string& text, const AttributeTable& table) {
  for (const auto& name : table.names) {
    text += '\t';
    text += escape_cell(name);
  }
  text += '\n';
}

std::string users_table(const Dataset& dataset) {
  std::string text = "user";
  append_names(text, dataset.user_attributes);
  for (std::size_t i = 0; i < dataset.user_ids.size(); ++i) {
    text += escape_cell(dataset.user_ids[i]);
    append_attributes(text, dataset.user_attributes, i);
  }
  return text;
}

std::string items_table(const Dataset& dataset) {
  std::string text = "item\ttitle";
  append_names(text, dataset.item_attributes);
  for (std::size_t i = 0; i < dataset.item_ids.size(); ++i) {
    text += escape_cell(dataset.item_ids[i]);
    text += '\t';
    if (!dataset.item_titles.empty()) text += escape_cell(dataset.item_titles[i]);
    append_attributes(text, dataset.item_attributes, i);
  }
  return text;
}

std::string interactions_table(const SourceData& source) {
  const auto& dataset = source.dataset;
  std::string text = "user\titem\trating";
  if (dataset.has_timestamps) text += "\ttimestamp";
  if (!source.parts.empty()) text += "\tpart";
  text += '\n';
  for (std::size_t i = 0; i < dataset.interactions.size(); ++i) {
    const auto& interaction = dataset.interactions[i];
    text += escape_cell(dataset.user_ids[static_cast<std::size_t>(interaction.user)]);
    text += '\t';
    text += escape_cell(dataset.item_ids[static_cast<std::size_t>(interaction.item)]);
    text += '\t';
    append_number(text, interaction.rating);
    if (dataset.has_timestamps) append_number(text += '\t', interaction.timestamp);
    if (!source.parts.empty()) (text += '\t') += to_string(source.parts[i]);
    text += '\n';
  }
  return text;
}

std::string description(const SourceData& source) {
  const auto& dataset = source.dataset;
  nlohmann::ordered_json document;
  document["format"] = "llama4rec-dataset";
  document["version"] = 1;
  document["name"] = dataset.name;
  document["synthetic"] = dataset.synthetic;
  document["item_noun"] = dataset.item_noun;
  document["rating"] = {
      {"minimum", dataset.rating_minimum}, {"maximum", dataset.rating_maximum}, {"step", dataset.rating_step}};
  document["positive_threshold"] = source.positive_threshold;
  document["core"] = source.core;
  document["has_timestamps"] = dataset.has_timestamps;
  document["explicit_split"] = !source.parts.empty();
  document["users"] = dataset.users();
  document["items"] = dataset.items();
  document["interactions"] = dataset.size();
  document["notices"] = nlohmann::ordered_json::array();
  for (const auto& notice : dataset.notices) {
    document["notices"].push_back({{"what", notice.what}, {"count", notice.count}});
  }
  return document.dump(2) + "\n";
}

/// A folder beside the target that is removed unless it was moved there; with what it was exchanged for.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const fs::path& target) : path_(target.string() + ".tmp-" + std::to_string(getpid())) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  TemporaryFolder(TemporaryFolder&&) = delete;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void check_target(const fs::path& folder, Overwrite overwrite) {
  if (!fs::exists(folder)) return;
  const bool empty = fs::is_directory(folder) && fs::is_empty(folder);
  if (empty || (overwrite == Overwrite::kYes && is_dataset_folder(folder))) return;
  throw UsageError(folder.string() + " exists already, expected a new folder" +
                   (is_dataset_folder(folder) ? " (or --overwrite to replace this data set)" : ""));
}

}  // namespace

std::string escape_cell(std::string_view text) {
  if (text.find_first_of("\t\n\r\\") == std::string_view::npos) return std::string(text);
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '\t':
        escaped += "\\t";
        break;
      case '\n':
        escaped += "\\n";
        break;
      case '\r':
        escaped += "\\r";
        break;
      case '\\':
        escaped += "\\\\";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

void write_folder(const SourceData& source, const fs::path& target, Overwrite overwrite) {
  // A trailing '/' would put the temporary folder inside of the target.
  const fs::path folder = target.has_filename() ? target : target.parent_path();
  try {
    check_target(folder, overwrite);
    const TemporaryFolder temporary(folder);
    write_file_atomically(temporary.path() / "users.tsv", users_table(source.dataset));
    write_file_atomically(temporary.path() / "items.tsv", items_table(source.dataset));
    write_file_atomically(temporary.path() / "interactions.tsv", interactions_table(source));
    write_file_atomically(temporary.path() / "dataset.json", description(source));
    if (fs::exists(folder)) {
      exchange_folders(temporary.path(), folder);
    } else {
      fs::rename(temporary.path(), folder);
    }
  } catch (const fs::filesystem_error& error) {
    throw InternalError("cannot write the data set to " + folder.string() + ": " + error.code().message());
  }
}

bool is_dataset_folder(const fs::path& folder) {
  std::error_code error;
  return fs::is_regular_file(folder / "dataset.json", error);
}

}  // namespace llama4rec::data
