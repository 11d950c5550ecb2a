// The document of the experiment `figure8` as Markdown, CSV and a page.
#include <algorithm>
#include <map>
#include <string>

#include <fmt/format.h>

#include "pipeline/attribute_agreement.h"
#include "pipeline/report_blocks.h"

namespace llama4rec::pipeline {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string agreement_markdown(const Json& document) {
  std::string text = fmt::format(
      "# Figure 8: generated attributes against {}\n\n    {}\n\n"
      "| data set | attribute | compared | agree | unknown to the model | wrong | undecided "
      "|\n|---|---|---|---|---|---|---|\n",
      document.at("judge").get<std::string>(), document.at("command").get<std::string>());
  for (const Json& it : document.at("attributes")) {
    const auto compared = it.at("compared").get<double>();
    const auto share = [&](const char* name) {
      return compared == 0 ? std::string("-") : fmt::format("{:.0f}%", 100 * it.at(name).get<double>() / compared);
    };
    text += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", it.at("dataset").get<std::string>(),
                        it.at("attribute").get<std::string>(), it.at("compared").get<std::int64_t>(), share("agree"),
                        share("unknown"), share("wrong"), share("undecided"));
  }
  return text;
}

std::string agreement_csv(const Json& document) {
  std::string text = "dataset,attribute,compared,agree,unknown,wrong,undecided\n";
  for (const Json& it : document.at("attributes")) {
    text += fmt::format("{},\"{}\",{},{},{},{},{}\n", it.at("dataset").get<std::string>(),
                        it.at("attribute").get<std::string>(), it.at("compared").get<std::int64_t>(),
                        it.at("agree").get<std::int64_t>(), it.at("unknown").get<std::int64_t>(),
                        it.at("wrong").get<std::int64_t>(), it.at("undecided").get<std::int64_t>());
  }
  return text;
}

nlohmann::json agreement_report(const Json& document) {
  using Block = nlohmann::json;
  const auto page_file = document.at("report").get<std::string>();
  Block page{{"title", "Figure 8: generated attributes against " + document.at("judge").get<std::string>()}};
  page["subtitle"] =
      fmt::format("At most {} items or users drawn for each attribute.", document.at("items").get<std::int64_t>());
  const Json& attributes = document.at("attributes");
  if (std::any_of(attributes.begin(), attributes.end(),
                  [](const Json& it) { return it.at("synthetic").get<bool>(); })) {
    page["badges"] = Block::array({{{"text", "synthetic data"}, {"kind", "warning"}}});
  }
  Block table = report_blocks::table("How often the answers agree, of those that were compared.",
                                     {"data set", "attribute", "compared", "agree", "unknown", "wrong", "undecided"});
  table["columns"][1] = report_blocks::column("attribute", false);
  table["notes"] = {"Unknown: the model said that it does not know. Undecided: a person's verdict is missing."};
  Block names = Block::array();
  std::map<std::string, Block> shares;
  for (const Json& it : document.at("attributes")) {
    const auto compared = it.at("compared").get<double>();
    Block cells = Block::array({it.at("dataset").get<std::string>(), it.at("attribute").get<std::string>(),
                                it.at("compared").get<std::int64_t>()});
    names.push_back(fmt::format("{}, {}", it.at("attribute").get<std::string>(), it.at("dataset").get<std::string>()));
    for (const char* name : {"agree", "unknown", "wrong", "undecided"}) {
      const double share = compared > 0 ? 100 * it.at(name).get<double>() / compared : 0;
      shares[name].push_back(share);
      cells.push_back(compared > 0 ? fmt::format("{:.0f}%", share) : "–");
    }
    table["rows"].push_back(std::move(cells));
  }
  Block all = Block::array();
  for (const char* name : {"agree", "unknown", "wrong", "undecided"}) {
    all.push_back(report_blocks::series(name, names, shares[name]));
  }
  Block plot = report_blocks::plot("bar", "Shares of the compared answers.", "", "% of the compared answers", all);
  plot["stacked"] = true;
  Block files = report_blocks::table("Answers that differ, for a person's verdict (--verdicts).", {"data set", "file"});
  files["columns"][1] = report_blocks::column("file", false);
  for (const auto& [dataset, file] : document.at("disagreements").items()) {
    const std::filesystem::path path = file.get<std::string>();
    files["rows"].push_back(Block::array({dataset, report_blocks::link(path.filename().string(), path, page_file)}));
  }
  page["sections"] =
      Block::array({{{"title", "Agreement"}, {"blocks", Block::array({plot, table, files})}},
                    {{"title", "Reproduce"},
                     {"blocks", Block::array({report_blocks::command(document.at("command").get<std::string>())})}}});
  return page;
}

}  // namespace llama4rec::pipeline
