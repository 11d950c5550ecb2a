#include "pipeline/fit_and_evaluate.h"

#include <map>
#include <vector>

#include "evaluation/evaluation_options.h"
#include "pipeline/fit.h"
#include "pipeline/rating_evaluation.h"
#include "pipeline/top_k_evaluation.h"

namespace llama4rec::pipeline {
namespace {

using data::Part;
using nlohmann::ordered_json;

constexpr const char* kState = "training.safetensors";

ordered_json describe(const FitSummary& fit, double evaluation_seconds, std::size_t users,
                      const std::map<std::string, double>& validation, const std::map<std::string, double>& test) {
  return {{"epochs", fit.epochs},
          {"best_epoch", fit.best_epoch},
          {"seconds", {{"train", fit.train_seconds}, {"evaluate", evaluation_seconds}}},
          {"users", users},
          {"validation", validation},
          {"test", test}};
}

}  // namespace

data::Task task_of(recommenders::RecommenderKind kind) {
  switch (kind) {
    case recommenders::RecommenderKind::kDirect:
      return data::Task::kDirect;
    case recommenders::RecommenderKind::kSequential:
      return data::Task::kSequential;
    case recommenders::RecommenderKind::kRating:
      break;
  }
  return data::Task::kRating;
}

ordered_json fit_and_evaluate(const data::LoadedData& loaded, const recommenders::RecommenderInfo& info,
                              const config::Configuration& configuration, std::uint64_t seed,
                              const std::filesystem::path& folder, const std::string& key) {
  const Dataset& dataset = loaded.dataset;
  const auto options = configuration.read<evaluation::EvaluationOptions>();
  const data::Split split = loaded.split(task_of(info.kind));
  const auto with_state = [&](FitHooks hooks) {
    hooks.checkpoint = {.file = folder / kState, .key = key};
    return hooks;
  };
  ordered_json result;
  if (info.kind == recommenders::RecommenderKind::kRating) {
    const auto model = recommenders::create_rating(info.name, configuration, seed);
    const auto fit =
        fit_with_progress(*model, rating_training_data(dataset, split, info.title),
                          with_state(validation_hooks(*model, dataset, split, options)), "training " + info.title);
    const auto validation = evaluate_rating(*model, rating_part(dataset, split, Part::kValidation, options));
    const auto part = rating_part(dataset, split, Part::kTest, options);
    const auto test = evaluate_rating(*model, part);
    result = describe(fit, test.seconds, part.users.size(), validation.metrics, test.metrics);
  } else {
    const auto model = recommenders::create_top_k(info.name, configuration, seed);
    const auto cutoffs = evaluation::integer_cutoffs(options);
    const auto fit = fit_with_progress(*model, training_data(dataset, split, info.title),
                                       with_state(validation_hooks(*model, dataset, split, options)), configuration,
                                       "training " + info.title);
    const auto on = [&](Part part) { return top_k_part(dataset, split, part, info.kind, options); };
    const auto validation = evaluate_top_k(*model, on(Part::kValidation), cutoffs);
    const auto part = on(Part::kTest);
    const auto test = evaluate_top_k(*model, part, cutoffs);
    result = describe(fit, test.seconds, part.users.size(), validation.metrics, test.metrics);
  }
  std::filesystem::remove(folder / kState);
  return result;
}

}  // namespace llama4rec::pipeline
