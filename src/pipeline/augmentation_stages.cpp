#include "pipeline/augmentation_stages.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/progress.h"
#include "core/random.h"
#include "pipeline/candidates.h"
#include "pipeline/ranking_cases.h"

namespace llama4rec::pipeline {
namespace {

using augmentation::AugmentedUser;
using data::Phase;

constexpr const char* kAnswersFile = "augmentation.json";

bool asks_augmented(const SeedContext& context) { return context.setup().run.augmentation_prompts == "augmented"; }

/// The users of the train part, in the order of the data set.
std::vector<AugmentedUser> augmented_users(const SeedContext& context, const FittedTopK& base,
                                           const AugmentationRequest& request) {
  PhaseCases cases = phase_cases(context.setup(), context.guard(), Phase::kAugmentation,
                                 {.backbone = base.model.get(), .task = request.task, .within = request.within});
  std::vector<UserIndex> indices;
  std::vector<std::vector<ItemIndex>> histories;
  for (const auto& question : cases.ranking) {
    indices.push_back(question.user);
    histories.push_back(question.history);
  }
  const auto options = context.setup().configuration.read<augmentation::PairOptions>();
  const auto upper = best_unseen(*base.model, indices, histories, histories, options.upper_ranks);
  std::vector<AugmentedUser> users;
  for (std::size_t n = 0; n < cases.ranking.size(); ++n) {
    users.push_back({.question = std::move(cases.ranking[n]), .upper = upper[n].items, .interacted = histories[n]});
  }
  return users;
}

std::vector<std::int64_t> popularity(const RunSetup& setup) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(setup.dataset().items()), 0);
  for (const InteractionIndex i : setup.split().members(data::Part::kTrain).members()) {
    ++counts[static_cast<std::size_t>(setup.dataset().interactions[static_cast<std::size_t>(i)].item)];
  }
  return counts;
}

/// Asks with a bar over the prompts.
template <class Ask>
void with_bar(std::size_t prompts, const Ask& ask) {
  Progress progress("data augmentation", static_cast<std::int64_t>(prompts), "prompts");
  ask([&](std::int64_t answered) { progress.set(answered); });
  progress.finish();
}

void ask_pairs(SeedContext& context, const FittedTopK& base, const AugmentationRequest& request, StageFolder& folder) {
  const bool augmented = asks_augmented(context);
  const auto options = context.setup().configuration.read<augmentation::PairOptions>();
  const auto users = augmented_users(context, base, request);
  const auto drawn = augmentation::draw_pairs(users, base.model->known_items(), options, context.seed());
  augmentation::PairAccount account;
  std::vector<PreferencePair> pairs;
  context.ask(folder, Phase::kAugmentation, *request.model, [&](LanguageModel& model, prompts::CaseWriter& writer) {
    with_bar(drawn.size() * (options.both_orders ? 2 : 1), [&](const CompletionProgress& progress) {
      pairs = augmentation::order_pairs(users, drawn, model, writer, augmented, options, progress, account);
    });
  });
  nlohmann::json document{{"pairs", nlohmann::json::array()}};
  for (const auto& it : pairs) document["pairs"].push_back({it.user, it.preferred, it.other});
  write_file_atomically(folder.path / kAnswersFile, document.dump() + "\n");
  folder.summary["kind"] = "pairs";
  folder.summary["asked"] = account.asked;
  folder.summary["kept"] = account.kept;
  folder.summary["unanswered"] = account.unanswered;
  folder.summary["disagreed"] = account.disagreed;
  folder.summary["first_shown_preferred"] = account.first_shown_preferred;
}

void ask_insertions(SeedContext& context, const FittedTopK& base, const AugmentationRequest& request,
                    StageFolder& folder) {
  const bool augmented = asks_augmented(context);
  const auto options = context.setup().configuration.read<augmentation::InsertionOptions>();
  const auto users = augmented_users(context, base, request);
  const auto lists = augmentation::draw_lists(users, base.model->known_items(), options, context.seed());
  augmentation::InsertionAccount account;
  std::vector<augmentation::Insertion> insertions;
  context.ask(folder, Phase::kAugmentation, *request.model, [&](LanguageModel& model, prompts::CaseWriter& writer) {
    with_bar(lists.size(), [&](const CompletionProgress& progress) {
      insertions = augmentation::choose_insertions(users, lists, model, writer, augmented, progress, account);
    });
  });
  nlohmann::json document{{"insertions", nlohmann::json::array()}};
  for (const auto& it : insertions) document["insertions"].push_back({it.user, it.item, it.place});
  write_file_atomically(folder.path / kAnswersFile, document.dump() + "\n");
  folder.summary["kind"] = "insertions";
  folder.summary["asked"] = account.asked;
  folder.summary["kept"] = account.kept;
  folder.summary["unanswered"] = account.unanswered;
}

Augmentation read_answers(const StageResult& stage) {
  Augmentation result{.key = stage.key, .summary = stage.summary};
  const auto document = nlohmann::json::parse(read_file(stage.path / kAnswersFile));
  for (const auto& it : document.value("pairs", nlohmann::json::array())) {
    result.pairs.push_back(
        {.user = it[0].get<UserIndex>(), .preferred = it[1].get<ItemIndex>(), .other = it[2].get<ItemIndex>()});
  }
  for (const auto& it : document.value("insertions", nlohmann::json::array())) {
    result.insertions.push_back(
        {.user = it[0].get<UserIndex>(), .item = it[1].get<ItemIndex>(), .place = it[2].get<std::int64_t>()});
  }
  return result;
}

}  // namespace

Augmentation augment(SeedContext& context, const FittedTopK& base, const AugmentationRequest& request) {
  const RunSetup& setup = context.setup();
  std::vector<std::string> dependencies = context.asking_dependencies(*request.model, prompts::candidate_options());
  // The weight of a pair is the refit's, attributes are rating prediction's.
  dependencies.push_back(setup.configuration.canonical(
      {"augmentation."}, {"augmentation.pair_weight", "augmentation.attribute", "augmentation.facts"}));
  dependencies.push_back("base=" + base.stage.key);
  return read_answers(context.store().run(request.stage, dependencies, [&](StageFolder& folder) {
    if (request.task == data::Task::kSequential) {
      ask_insertions(context, base, request, folder);
    } else {
      ask_pairs(context, base, request, folder);
    }
  }));
}

std::string to_string(AnswersBy by) { return by == AnswersBy::kChance ? "random" : "popularity"; }

Augmentation answered_by(SeedContext& context, const FittedTopK& base, const Augmentation& augmentation, AnswersBy by) {
  const RunSetup& setup = context.setup();
  Augmentation result = augmentation;
  result.key = to_string(by) + " answers in place of " + augmentation.key;
  const auto counts = popularity(setup);
  const auto count_of = [&](ItemIndex item) { return counts[static_cast<std::size_t>(item)]; };
  RandomStream random(context.seed(), "controls.random_answers");
  for (PreferencePair& pair : result.pairs) {
    const bool turn = by == AnswersBy::kChance ? random.below(2) == 0 : count_of(pair.preferred) < count_of(pair.other);
    if (turn) std::swap(pair.preferred, pair.other);
  }
  if (setup.task != data::Task::kSequential) return result;
  const auto options = setup.configuration.read<augmentation::InsertionOptions>();
  const auto users = augmented_users(context, base, {.task = setup.task});
  const auto lists = augmentation::draw_lists(users, base.model->known_items(), options, context.seed());
  result.insertions.clear();
  for (const auto& list : lists) {
    const auto& items = list.items;
    const auto popular = std::max_element(items.begin(), items.end(),
                                          [&](ItemIndex a, ItemIndex b) { return count_of(a) < count_of(b); });
    result.insertions.push_back({.user = users[list.user].question.user,
                                 .item = by == AnswersBy::kChance ? items[random.below(items.size())] : *popular,
                                 .place = list.place});
  }
  return result;
}

TopKTrainingData augmented_data(const RunSetup& setup, const InteractionSet& train, const Augmentation& augmentation,
                                const InteractionSet& read_by_language_models, const std::string& what) {
  TopKTrainingData data = positives_of(setup, train, what);
  data.pairs = augmentation.pairs;
  data.histories = augmentation::with_insertions(std::move(data.histories), augmentation.insertions);
  // The answers come from a language model: what its text was made from is behind them, too.
  data.provenance.interactions |= read_by_language_models;
  return data;
}

}  // namespace llama4rec::pipeline
