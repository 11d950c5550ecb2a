#include "pipeline/run_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "core/text.h"
#include "evaluation/segments.h"
#include "pipeline/language_model_note.h"
#include "pipeline/report_blocks.h"
#include "recommenders/registry.h"

namespace llama4rec::pipeline {
namespace {

using nlohmann::json;
using report_blocks::column;
using report_blocks::number_text;
using report_blocks::plot;
using report_blocks::series;

template <class Value>
std::string distinct(const std::vector<Value>& values) {
  std::vector<std::string> texts;
  for (const auto& value : values) texts.push_back(fmt::format("{}", value));
  if (std::adjacent_find(texts.begin(), texts.end(), std::not_equal_to<>()) == texts.end() && !texts.empty()) {
    return texts.front();
  }
  return text::join(texts, ", ");
}

nlohmann::ordered_json facts_of(const ReportSource& source) {
  return language_model_facts(*source.setup, source.records.front().summaries);
}

/// Base, IFT, Llama4Rec with improvement and tests.
json main_table(const ReportSource& source) {
  const RunTable& table = *source.table;
  const bool rating = source.setup->task == data::Task::kRating;
  json block{{"type", "table"},
             {"caption", rating ? "Errors on the test ratings; mean over the seeds."
                                : "Full ranking on the test items; mean over users and seeds."}};
  block["columns"].push_back(column("", false));
  for (const std::string& metric : table.metrics.names) block["columns"].push_back(column(metric));
  for (const char* name : {"base", "ift", "llama4rec"}) {
    const TableRow& row = row_named(table, name);
    json cells{row.title};
    for (const std::string& metric : table.metrics.names) {
      std::string cell = number_text(row.mean.at(metric));
      if (row.name == "llama4rec") {
        for (const Improvement& it : table.improvements) {
          if (it.metric != metric || it.relative <= 0) continue;
          if (it.over_users.t_test_p <= 0.05) cell += "*";
          if (it.holm_p <= 0.05) cell += "†";
        }
      }
      cells.push_back(cell);
    }
    block["rows"].push_back(std::move(cells));
  }
  block["highlight_rows"] = {2};
  const auto add = [&](const std::string& title, const auto& value) {
    json cells{title};
    for (const Improvement& it : table.improvements) cells.push_back(value(it));
    block["rows"].push_back(std::move(cells));
  };
  add("Improvement", [](const Improvement& it) { return fmt::format("{:+.2f}%", 100 * it.relative); });
  add("95% interval of the difference", [](const Improvement& it) {
    return fmt::format("{:+.4f} to {:+.4f}", it.over_users.interval_low, it.over_users.interval_high);
  });
  add("p, t-test over users", [](const Improvement& it) { return fmt::format("{:.4f}", it.over_users.t_test_p); });
  add("p, Wilcoxon", [](const Improvement& it) { return fmt::format("{:.4f}", it.over_users.wilcoxon_p); });
  add("p, t-test after Holm", [](const Improvement& it) { return fmt::format("{:.4f}", it.holm_p); });
  if (source.records.size() > 1) {
    add("p, t-test over seeds", [](const Improvement& it) { return fmt::format("{:.4f}", it.over_seeds_p); });
  }
  add("Smallest difference found with 80% power",
      [](const Improvement& it) { return number_text(it.over_users.detectable); });
  block["notes"] = {
      "Improvement and tests: Llama4Rec against the better of Base and IFT, metric by metric. * p ≤ 0.05 (t-test over "
      "users), † also after Holm over this table.",
      language_model_sentence(facts_of(source)),
      rating ? fmt::format("The validation rating belongs to the test input; evaluated users: {}. Lower is better; the "
                           "tests of RMSE "
                           "compare squared errors. Epochs, the way of asking, a1 and a2 were chosen on validation.",
                           source.setup->evaluation.users)
             : fmt::format("Protocol {}: seen items are never ranked, the validation item belongs to the test input; "
                           "evaluated users: {}. Epochs, ranking method, a1 and a2 were chosen on validation.",
                           source.setup->evaluation.protocol, source.setup->evaluation.users)};
  return block;
}

json all_rows(const ReportSource& source) {
  const RunTable& table = *source.table;
  json block{{"type", "table"}, {"caption", "Every row of the run, with the controls that tell what a gain means."}};
  block["columns"].push_back(column("", false));
  for (const std::string& metric : table.metrics.names) block["columns"].push_back(column(metric));
  for (const char* title : {"method", "utility", "a1", "a2", "weight"}) block["columns"].push_back(column(title));
  for (const TableRow& row : table.rows) {
    json cells{row.title};
    for (const std::string& metric : table.metrics.names) {
      cells.push_back(row.seeds.size() > 1
                          ? fmt::format("{:.4f} ± {:.4f}", row.mean.at(metric), row.deviation.at(metric))
                          : number_text(row.mean.at(metric)));
    }
    cells.push_back(distinct(row.methods));
    cells.push_back(distinct(row.utilities));
    cells.push_back(distinct(row.a1));
    cells.push_back(distinct(row.a2));
    cells.push_back(distinct(row.weights));
    block["rows"].push_back(std::move(cells));
  }
  return block;
}

/// Gain by the user's place in the long tail.
json segments(const ReportSource& source) {
  const RunTable& table = *source.table;
  std::vector<std::int64_t> counts;
  for (const UserIndex user : table.users) {
    counts.push_back(static_cast<std::int64_t>(source.setup->split().train(user).size()));
  }
  const std::string& metric = source.rows->choice.metric;
  const auto summary = [&](const evaluation::PerUser& values) { return table.metrics.summarise(values); };
  json all = json::array();
  for (const char* name : {"base", "ift", "llama4rec"}) {
    const TableRow& row = row_named(table, name);
    json x = json::array();
    json y = json::array();
    for (const auto& it : evaluation::by_segment("users", counts, row.per_user, summary)) {
      x.push_back(fmt::format("{}–{}", it.minimum_count, it.maximum_count));
      y.push_back(it.metrics.at(metric));
    }
    all.push_back(series(row.title, x, y));
  }
  return plot("bar", metric + " by the user's number of training interactions N(u): quintiles, the long tail first.",
              "N(u)", metric, all);
}

json weight_histogram(const ReportSource& source) {
  constexpr int kBins = 10;
  std::vector<std::int64_t> bins(kBins, 0);
  for (const SeedRows& rows : source.rows->seeds) {
    for (const double weight : rows.weights)
      ++bins[static_cast<std::size_t>(std::min(kBins - 1, static_cast<int>(weight * kBins)))];
  }
  json x = json::array();
  for (int bin = 0; bin < kBins; ++bin) x.push_back(fmt::format("{:.1f}–{:.1f}", bin / 10.0, (bin + 1) / 10.0));
  return plot("bar", "Adaptive weight a_u of the conventional model over the test users (eq. 6), all seeds.", "a_u",
              "users", json::array({series("users", x, bins)}));
}

json grid_table(const ReportSource& source) {
  const auto& choice = source.rows->choice;
  json block{{"type", "table"},
             {"caption", fmt::format("{} on validation by a1 and a2, mean over the seeds; the best cell was taken.",
                                     choice.metric)}};
  block["columns"] = {column("a1", true), column("a2", true), column(choice.metric), column("weight", false)};
  int index = 0;
  for (const auto& cell : choice.cells) {
    block["rows"].push_back({fmt::format("{}", cell.a1), fmt::format("{}", cell.a2), number_text(cell.value),
                             cell.constant() ? "constant" : "adaptive"});
    if (cell.a1 == choice.best.a1 && cell.a2 == choice.best.a2) block["highlight_rows"].push_back(index);
    ++index;
  }
  block["notes"] = {"With a2 ≥ a1 every user has the same weight: 15 of the 25 cells."};
  return block;
}

/// Loss curves of the language models, validation curves of the backbones (first seed).
json training_plots(const ReportSource& source) {
  const auto& summaries = source.records.front().summaries;
  json losses = json::array();
  for (const auto& [stage, name] : {std::pair{"pretrain", "pre-training"},
                                    {"tune-plain", "tuning, plain prompts"},
                                    {"tune-augmented", "tuning, augmented prompts"}}) {
    if (!summaries.contains(stage)) continue;  // a model from elsewhere, or one that is not tuned
    json x = json::array();
    const auto& values = summaries.at(stage).at("losses");
    for (std::size_t epoch = 1; epoch <= values.size(); ++epoch) x.push_back(epoch);
    losses.push_back(series(name, x, values));
  }
  json validation = json::array();
  for (const auto& [stage, name] : {std::pair{"base", "Base"}, {"refit", "refit on augmented data"}}) {
    if (!summaries.contains(stage)) continue;
    json x = json::array();
    json y = json::array();
    for (const auto& point : summaries.at(stage).at("validation_curve")) {
      x.push_back(point[0].get<double>());
      y.push_back(point[2].get<double>());
    }
    validation.push_back(series(name, x, y));
  }
  json plots = json::array();
  if (!losses.empty()) {
    plots.push_back(plot("line", "Language model: loss per learned token.", "epoch", "loss", losses));
  }
  plots.push_back(plot("line", "Backbone: validation score while training.", "epoch", "validation", validation));
  return plots;
}

json timings(const ReportSource& source) {
  json block{{"type", "table"}, {"caption", "Seconds by stage, as they took when they were done."}};
  block["columns"].push_back(column("stage", false));
  for (const SeedRecord& outcome : source.records)
    block["columns"].push_back(column(fmt::format("seed {}", outcome.seed)));
  const auto& first = source.records.front().timings;
  for (std::size_t stage = 0; stage < first.size(); ++stage) {
    json cells{first[stage].label()};
    for (const SeedRecord& outcome : source.records) {
      cells.push_back(stage < outcome.timings.size() ? fmt::format("{:.1f}", outcome.timings[stage].seconds) : "");
    }
    block["rows"].push_back(std::move(cells));
  }
  json total{"all"};
  for (const SeedRecord& outcome : source.records) total.push_back(fmt::format("{:.1f}", outcome.seconds));
  block["rows"].push_back(std::move(total));
  return block;
}

/// What a remote model's servers were asked by the last process that asked; empty for a model in this process.
std::string remote_note(const ReportSource& source) {
  const auto& summaries = source.records.front().summaries;
  if (!summaries.contains("remote-model")) return "";
  const auto& model = summaries.at("remote-model");
  std::string note = fmt::format("Remote model {}, answers bound by {}.", model.at("model").get<std::string>(),
                                 model.at("constraint").get<std::string>());
  json last;
  for (const auto& [name, summary] : summaries.items()) {
    if (summary.contains("remote_account")) last = summary.at("remote_account");
  }
  if (last.is_null()) return note;
  const auto count = [&](const char* key) { return text::with_thousands(last.at(key).get<long long>()); };
  return note + fmt::format(
                    " Up to its last stage: {} requests ({} repeated, {} asked again), {} answers repaired, {} tokens "
                    "in, {} out, cost {:.4f}.",
                    count("requests"), count("repeated"), count("asked_again"), count("repaired"),
                    count("prompt_tokens"), count("answer_tokens"), last.at("cost").get<double>());
}

/// What data augmentation asked and kept.
std::string augmentation_note(const ReportSource& source) {
  const auto& summaries = source.records.front().summaries;
  if (!summaries.contains("augment")) return "";
  const auto& summary = summaries.at("augment");
  const auto count = [&](const char* key) { return text::with_thousands(summary.at(key).get<long long>()); };
  std::string note =
      fmt::format("Data augmentation: {} {} asked, {} kept, {} without an answer that could be read", count("asked"),
                  summary.at("kind").get<std::string>(), count("kept"), count("unanswered"));
  if (summary.contains("attributes")) {
    for (const auto& [name, account] : summary.at("attributes").items()) {
      const auto of = [&](const char* key) { return text::with_thousands(account.at(key).get<long long>()); };
      note += fmt::format("; {}: {} different values in {} answers, {} unknown, {} from known facts", name,
                          of("distinct"), of("answered"), of("unknown"), of("known"));
      if (!account.contains("agree")) continue;
      note += fmt::format(", of those with a fact {} agree, {} are unknown to the model, {} are wrong", of("agree"),
                          of("unknown_to_model"), of("wrong"));
    }
  }
  if (!summary.contains("disagreed")) return note + ".";
  return note + fmt::format(
                    ", {} dropped because the answer changed with the order of presentation; the item shown first was "
                    "preferred in {:.0f}% of the answers.",
                    count("disagreed"), 100 * summary.at("first_shown_preferred").get<double>());
}

json accounting(const ReportSource& source) {
  json block{{"type", "table"}, {"caption", "What the language models were asked (first seed)."}};
  block["columns"] = {column("stage", false),  column("prompts"),          column("prompt tokens"),
                      column("answer tokens"), column("from the journal"), column("trimmed prompts")};
  for (const auto& [name, summary] : source.records.front().summaries.items()) {
    if (!summary.contains("prompts")) continue;
    const auto cell = [&, &it = summary](const char* key) {
      return text::with_thousands(it.at(key).template get<long long>());
    };
    block["rows"].push_back({name, cell("prompts"), cell("prompt_tokens"), cell("answer_tokens"), cell("from_journal"),
                             cell("trimmed_prompts")});
  }
  block["notes"] = json::array();
  std::int64_t fallbacks = 0;
  for (const auto& [name, summary] : source.records.front().summaries.items()) {
    fallbacks += summary.value("fallbacks", std::int64_t{0});
  }
  if (fallbacks > 0) {
    block["notes"].push_back(fmt::format(
        "No answer that could be read: {} times; the recommender's order or rating stands there.", fallbacks));
  }
  if (const auto note = augmentation_note(source); !note.empty()) block["notes"].push_back(note);
  if (const auto note = remote_note(source); !note.empty()) block["notes"].push_back(note);
  return block;
}

json manifest_block(const ReportSource& source) {
  json items = json::array();
  for (const auto& [key, value] : source.manifest.items()) {
    if (key == "configuration") continue;
    items.push_back({key, value.is_string() ? value.get<std::string>() : value.dump()});
  }
  return {{"type", "key_values"}, {"caption", "Manifest"}, {"items", items}};
}

}  // namespace

nlohmann::json report_document(const ReportSource& source) {
  const Dataset& dataset = source.setup->dataset();
  const std::string backbone = recommenders::info(source.setup->run.backbone).title;
  json document;
  document["title"] = fmt::format("Llama4Rec with {} on {}", backbone, dataset.name);
  document["subtitle"] =
      fmt::format("{} users, {} items, {} ratings; {} seed(s); {} test users", text::with_thousands(dataset.users()),
                  text::with_thousands(dataset.items()), text::with_thousands(dataset.size()), source.records.size(),
                  source.table->users.size());
  document["badges"] = json::array();
  if (dataset.synthetic) document["badges"].push_back({{"text", "synthetic data"}, {"kind", "warning"}});
  if (!source.setup->run.profile.empty()) {
    document["badges"].push_back({{"text", source.setup->run.profile + " profile"}, {"kind", "info"}});
  }
  if (facts_of(source).at("pretraining") == "unknown") {
    document["badges"].push_back({{"text", "language model's pre-training unknown"}, {"kind", "warning"}});
  }
  json& sections = document["sections"];
  sections.push_back({{"title", "Result"}, {"blocks", {main_table(source), segments(source)}}});
  sections.push_back(
      {{"title", "Controls"},
       {"text",
        "A gain by fusion says something about the language model only beside what other orders of the same "
        "candidates bring in its place, and a gain by refitting only beside pairs that nobody asked a language model "
        "about."},
       {"blocks", {all_rows(source)}}});
  sections.push_back({{"title", "Aggregation"}, {"blocks", {weight_histogram(source), grid_table(source)}}});
  json training = training_plots(source);
  for (const json& block : source.training_blocks) training.push_back(block);
  sections.push_back({{"title", "Training"}, {"blocks", training}});
  sections.push_back({{"title", "Examples"}, {"blocks", {source.examples}}});
  sections.push_back({{"title", "Cost"}, {"blocks", {timings(source), accounting(source)}}});
  sections.push_back({{"title", "Reproduce"},
                      {"blocks",
                       {{{"type", "code"}, {"text", source.manifest.at("command")}},
                        manifest_block(source),
                        {{"type", "code"}, {"text", source.manifest.at("configuration")}}}}});
  return document;
}

}  // namespace llama4rec::pipeline
