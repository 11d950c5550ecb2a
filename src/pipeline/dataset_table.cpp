#include "pipeline/dataset_table.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.h"
#include "pipeline/experiment_files.h"
#include "pipeline/report_blocks.h"

namespace llama4rec::pipeline {
namespace {

using Json = nlohmann::ordered_json;
using Block = nlohmann::json;

std::string count_text(const Json& value) { return text::with_thousands(value.get<long long>()); }

std::string list(const Json& values) {
  return values.empty() ? "–" : text::join(values.get<std::vector<std::string>>(), ", ");
}

/// A column for each data set, as in the paper.
Block comparison(const Json& datasets) {
  std::vector<std::string> columns{""};
  for (const Json& it : datasets) columns.push_back(it.at("dataset").get<std::string>());
  Block table = report_blocks::table("The data sets, as in the paper's Table III.", columns);
  const auto add = [&](const char* title, const auto& value) {
    Block cells{title};
    for (const Json& it : datasets) cells.push_back(value(it));
    table["rows"].push_back(std::move(cells));
  };
  add("# of users", [](const Json& it) { return count_text(it.at("users")); });
  add("# of items", [](const Json& it) { return count_text(it.at("items")); });
  add("# of ratings", [](const Json& it) { return count_text(it.at("ratings")); });
  add("density", [](const Json& it) { return fmt::format("{:.6f}", it.at("density").get<double>()); });
  add("user features", [](const Json& it) { return list(it.at("user_features")); });
  add("item features", [](const Json& it) { return list(it.at("item_features")); });
  add("a positive is a rating of at least",
      [](const Json& it) { return fmt::format("{:g}", it.at("positive_threshold").get<double>()); });
  add("positives", [](const Json& it) { return count_text(it.at("positives")); });
  return table;
}

Block splits(const Json& datasets) {
  Block table = report_blocks::table("Interactions in each part of the tasks' splits.",
                                     {"data set", "task", "train", "validation", "test", "users in train only",
                                      "test items not in train", "test and validation at one time"});
  table["columns"][1] = report_blocks::column("task", false);
  for (const Json& dataset : datasets) {
    for (const Json& it : dataset.at("tasks")) {
      Block cells = Block::array({dataset.at("dataset").get<std::string>(), it.at("task").get<std::string>()});
      for (const char* key : {"train", "validation", "test", "train_only_users", "unseen_test_items", "tied_users"}) {
        cells.push_back(count_text(it.at(key)));
      }
      table["rows"].push_back(std::move(cells));
    }
  }
  return table;
}

/// What was dropped, merged or assumed when the sources were read.
Block notices(const Json& datasets) {
  Block table = report_blocks::table("How the sources were treated.", {"data set", "what", "count"});
  table["columns"][1] = report_blocks::column("what", false);
  for (const Json& dataset : datasets) {
    for (const Json& it : dataset.at("notices")) {
      table["rows"].push_back(Block::array(
          {dataset.at("dataset").get<std::string>(), it.at("what").get<std::string>(), count_text(it.at("count"))}));
    }
  }
  return table;
}

}  // namespace

Json write_dataset_table(const std::vector<data::DatasetStatistics>& statistics, const std::filesystem::path& directory,
                         const std::string& command_line) {
  Json document{{"experiment", "table3"},
                {"command", command_line},
                {"report", experiment_page(directory, "table3").string()},
                {"datasets", Json::array()}};
  for (const auto& it : statistics) document["datasets"].push_back(data::to_json(it));
  write_experiment(
      directory, "table3", document,
      {.markdown = fmt::format("# Table III: the data sets\n\n    {}\n\n", command_line) + to_comparison(statistics),
       .csv = dataset_table_csv(document),
       .report = dataset_table_report(document)});
  return document;
}

std::string dataset_table_csv(const Json& document) {
  std::string text =
      "dataset,synthetic,users,items,ratings,density,user_features,item_features,positive_threshold,positives\n";
  for (const Json& it : document.at("datasets")) {
    text += fmt::format(
        "{},{},{},{},{},{},\"{}\",\"{}\",{},{}\n", it.at("dataset").get<std::string>(), it.at("synthetic").get<bool>(),
        it.at("users").get<std::int64_t>(), it.at("items").get<std::int64_t>(), it.at("ratings").get<std::int64_t>(),
        it.at("density").get<double>(), text::join(it.at("user_features").get<std::vector<std::string>>(), ";"),
        text::join(it.at("item_features").get<std::vector<std::string>>(), ";"),
        it.at("positive_threshold").get<double>(), it.at("positives").get<std::int64_t>());
  }
  return text;
}

Block dataset_table_report(const Json& document) {
  const Json& datasets = document.at("datasets");
  Block page{{"title", "Table III: the data sets"}, {"badges", Block::array()}};
  if (std::any_of(datasets.begin(), datasets.end(), [](const Json& it) { return it.at("synthetic").get<bool>(); })) {
    page["badges"].push_back({{"text", "synthetic data"}, {"kind", "warning"}});
  }
  Block blocks = Block::array({comparison(datasets), splits(datasets)});
  if (Block treated = notices(datasets); !treated.at("rows").empty()) blocks.push_back(std::move(treated));
  page["sections"] =
      Block::array({{{"title", "Data sets"}, {"blocks", std::move(blocks)}},
                    {{"title", "Reproduce"},
                     {"blocks", Block::array({report_blocks::command(document.at("command").get<std::string>())})}}});
  return page;
}

}  // namespace llama4rec::pipeline
