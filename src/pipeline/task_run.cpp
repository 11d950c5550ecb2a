#include "pipeline/task_run.h"

#include <algorithm>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/log.h"
#include "evaluation/evaluation_options.h"
#include "pipeline/rating_rows.h"
#include "pipeline/rating_seed_run.h"
#include "pipeline/rows.h"
#include "pipeline/seed_run.h"

namespace llama4rec::pipeline {
namespace {

using nlohmann::json;

/// The ranking method, or the way of asking, of the method's own row.
const std::string& method_of(const SeedRows& rows) {
  return std::find_if(rows.rows.begin(), rows.rows.end(), [](const SeedRow& row) { return row.name == "llama4rec"; })
      ->method;
}

/// Where the target stands among the candidates when the model is tuned, and when it is asked at validation.
json position_plot(const RunSetup& setup, const SeedOutcome& outcome) {
  const auto& tuning = outcome.summaries.at("tune-augmented").at("target_positions");
  std::vector<double> tuned;
  double total = 0;
  for (const auto& count : tuning) total += count.get<double>();
  for (const auto& count : tuning) tuned.push_back(total > 0 ? count.get<double>() / total : 0);
  // A prompt may have shown fewer candidates at tuning than there are places now (prompts.chunk).
  const auto places = std::max(tuned.size(), static_cast<std::size_t>(setup.prompts.candidates));
  tuned.resize(places, 0);
  std::vector<double> validation(places, 0);
  double hits = 0;
  const PhaseRanking& phase = outcome.refit.validation;
  for (std::size_t n = 0; n < phase.users.size(); ++n) {
    const auto place = std::find(phase.candidates[n].begin(), phase.candidates[n].end(), phase.targets[n]);
    if (place == phase.candidates[n].end()) continue;
    ++validation[static_cast<std::size_t>(place - phase.candidates[n].begin())];
    ++hits;
  }
  for (double& value : validation) value = hits > 0 ? value / hits : 0;
  json x = json::array();
  for (std::size_t position = 1; position <= tuned.size(); ++position) x.push_back(position);
  const auto series = [&](const std::string& name, const std::vector<double>& y) {
    return json{{"name", name}, {"x", x}, {"y", y}};
  };
  return {{"type", "plot"},
          {"kind", "bar"},
          {"caption",
           fmt::format(
               "Position of the target in the recommender's list where it is in it: in the instructions ({} of {:.0f} "
               "targets were put in at a random place, injection rate {}) and at validation.",
               outcome.summaries.at("tune-augmented").at("targets_injected").get<std::int64_t>(), total,
               setup.instructions.injection_rate)},
          {"x_title", "position"},
          {"y_title", "share"},
          {"series", json::array({series("instructions", tuned), series("validation", validation)})}};
}

json top_k_examples(const RunSetup& setup, const SeedOutcome& outcome, const RunRows& all) {
  const SeedRows& rows = all.seeds.front();
  const auto title = [&](ItemIndex item) { return setup.texts.title(item); };
  const std::string& method = method_of(rows);
  const PhaseRanking& test = (all.data_augmented ? (all.prompts_augmented ? outcome.refit : outcome.refit_plain)
                                                 : (all.prompts_augmented ? outcome.base_augmented : outcome.base))
                                 .test;
  const std::string asked = fmt::format("rank-{}{}-test", all.prompts_augmented ? "augmented" : "plain",
                                        all.data_augmented == all.prompts_augmented ? ""
                                        : all.data_augmented                        ? "-refit"
                                                                                    : "-base");
  json items = json::array();
  for (const auto& example : outcome.summaries.at(asked).at("example_prompts")) {
    const auto n = example.at("position").get<std::size_t>();
    if (n >= test.users.size()) continue;
    const UserIndex user = test.users[n];
    const auto& candidates = test.candidates[n];
    const ItemIndex target = test.targets[n];
    json backbone = json::array();
    json language_model = json::array();
    json fused = json::array();
    const auto mark = [&](ItemIndex item) { return title(item) + (item == target ? "  ← test item" : ""); };
    for (const ItemIndex item : candidates) backbone.push_back(mark(item));
    for (const auto position : test.language_model.at(method)[n]) {
      language_model.push_back(mark(candidates[static_cast<std::size_t>(position)]));
    }
    const auto place = std::find(rows.users.begin(), rows.users.end(), user);
    if (place == rows.users.end()) continue;
    const auto row = static_cast<std::size_t>(place - rows.users.begin());
    for (const ItemIndex item : rows.llama4rec_lists[row]) fused.push_back(mark(item));
    items.push_back({{"title", "user " + setup.dataset().user_ids[static_cast<std::size_t>(user)]},
                     {"fields",
                      {{{"name", "prompt"}, {"text", example.at("prompt")}},
                       {{"name", "backbone's order"}, {"list", backbone}},
                       {{"name", "language model's order (" + method + ")"}, {"list", language_model}},
                       {{"name", fmt::format("fused order (a_u = {:.2f})", rows.weights[row])}, {"list", fused}}}}});
  }
  return {{"type", "examples"}, {"caption", "Test prompts and what became of them."}, {"items", items}};
}

/// Test prompts of a rating run.
json rating_examples(const RunSetup& setup, const RatingSeedOutcome& outcome, const RunRows& all) {
  const SeedRows& rows = all.seeds.front();
  const std::string& method = method_of(rows);
  const PhaseRatings& test = (all.data_augmented      ? outcome.refit
                              : all.prompts_augmented ? outcome.base_augmented
                                                      : outcome.base)
                                 .test;
  const std::string asked = fmt::format("rate-{}-test", all.data_augmented      ? "augmented"
                                                        : all.prompts_augmented ? "augmented-base"
                                                                                : "plain");
  json items = json::array();
  for (const auto& example : outcome.summaries.at(asked).at("example_prompts")) {
    const auto n = example.at("position").get<std::size_t>();
    if (n >= test.users.size()) continue;
    const auto place = std::find(rows.users.begin(), rows.users.end(), test.users[n]);
    if (place == rows.users.end()) continue;
    const auto row = static_cast<std::size_t>(place - rows.users.begin());
    const auto rating = [](double value) { return fmt::format("{:.2f}", value); };
    items.push_back(
        {{"title", "user " + setup.dataset().user_ids[static_cast<std::size_t>(test.users[n])]},
         {"fields",
          {{{"name", "prompt"}, {"text", example.at("prompt")}},
           {{"name", "item"}, {"text", setup.texts.title(test.items[n])}},
           {{"name", "backbone's rating"}, {"text", rating(test.conventional[n])}},
           {{"name", "language model's rating (" + method + ")"}, {"text", rating(test.language_model.at(method)[n])}},
           {{"name", fmt::format("fused rating (a_u = {:.2f})", rows.weights[row])},
            {"text", rating(rows.llama4rec_ratings[row])}},
           {{"name", "true rating"}, {"text", rating(test.ratings[n])}}}}});
  }
  return {{"type", "examples"}, {"caption", "Test prompts and what became of them."}, {"items", items}};
}

template <class Outcome, class RunSeed>
std::vector<Outcome> run_seeds(const RunSetup& setup, StageStore& store, std::uint64_t seed, const RunSeed& run) {
  std::vector<Outcome> outcomes;
  for (std::int64_t repeat = 0; repeat < setup.run.repeats; ++repeat) {
    const std::uint64_t this_seed = seed + static_cast<std::uint64_t>(repeat);
    if (setup.run.repeats > 1) log::info("seed {} ({} of {})", this_seed, repeat + 1, setup.run.repeats);
    outcomes.push_back(run(setup, store, this_seed));
  }
  return outcomes;
}

TaskRun run_top_k(const RunSetup& setup, StageStore& store, std::uint64_t seed) {
  const auto outcomes = run_seeds<SeedOutcome>(setup, store, seed, run_seed);
  TaskRun result{.records = {outcomes.begin(), outcomes.end()},
                 .rows = make_rows(setup, outcomes),
                 .metrics = top_k_table_metrics(evaluation::integer_cutoffs(setup.evaluation))};
  result.examples = top_k_examples(setup, outcomes.front(), result.rows);
  if (outcomes.front().summaries.contains("tune-augmented")) {
    result.training_blocks.push_back(position_plot(setup, outcomes.front()));
  }
  return result;
}

TaskRun run_rating(const RunSetup& setup, StageStore& store, std::uint64_t seed) {
  const auto outcomes = run_seeds<RatingSeedOutcome>(setup, store, seed, run_rating_seed);
  TaskRun result{.records = {outcomes.begin(), outcomes.end()},
                 .rows = make_rating_rows(setup, outcomes),
                 .metrics = rating_table_metrics()};
  result.examples = rating_examples(setup, outcomes.front(), result.rows);
  return result;
}

}  // namespace

TaskRun run_task(const RunSetup& setup, StageStore& store, std::uint64_t seed) {
  return setup.task == data::Task::kRating ? run_rating(setup, store, seed) : run_top_k(setup, store, seed);
}

}  // namespace llama4rec::pipeline
