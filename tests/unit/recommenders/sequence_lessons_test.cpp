// What the sequence models learn from: windows, batches, targets, masks, negatives, views.
#include <algorithm>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recommenders/sequential/bert4rec.h"
#include "recommenders/sequential/cl4srec.h"
#include "recommenders/sequential/view_contrast.h"

namespace llama4rec::recommenders {
namespace {

using ::testing::ElementsAre;

std::vector<Sequence> random_sequences(std::int64_t count, std::int64_t items, std::uint64_t seed) {
  RandomStream random(seed, "tests.sequences");
  std::vector<Sequence> sequences;
  for (std::int64_t n = 0; n < count; ++n) {
    Sequence sequence(2 + random.below(9));
    for (auto& item : sequence) item = static_cast<ItemIndex>(random.below(static_cast<std::uint64_t>(items)));
    sequences.push_back(sequence);
  }
  return sequences;
}

TEST(TrainingWindows, CoverAHistoryFromItsEndAndShareOneItem) {
  const std::vector<std::vector<ItemIndex>> histories = {{0, 1, 2, 3, 4, 5, 6}, {9}, {}, {7, 8}};
  EXPECT_THAT(training_windows(histories, 3, "all"),
              ElementsAre(Sequence{4, 5, 6}, Sequence{2, 3, 4}, Sequence{0, 1, 2}, Sequence{7, 8}));
  EXPECT_THAT(training_windows(histories, 4, "all"),
              ElementsAre(Sequence{3, 4, 5, 6}, Sequence{0, 1, 2, 3}, Sequence{7, 8}));
  EXPECT_THAT(training_windows(histories, 3, "last"), ElementsAre(Sequence{4, 5, 6}, Sequence{7, 8}));
}

/// Histories of 0 to 49 different items.
std::vector<std::vector<ItemIndex>> histories_of_all_lengths() {
  std::vector<std::vector<ItemIndex>> histories(50);
  ItemIndex next = 0;
  for (std::size_t length = 0; length < histories.size(); ++length) {
    for (std::size_t n = 0; n < length; ++n) histories[length].push_back(next++);
  }
  return histories;
}

std::map<ItemIndex, int> target_counts(const SequenceLesson& lesson) {
  std::map<ItemIndex, int> counts;
  for (const auto& target : lesson.targets) ++counts[target.item];
  return counts;
}

TEST(SasRecWindows, MakeEveryItemButTheFirstATargetOnceAndReachThePositionsThatAPredictionReads) {
  const SasRec model({}, {});
  const auto histories = histories_of_all_lengths();
  for (const std::int64_t length : {2, 3, 7, 20}) {
    const auto windows = training_windows(histories, model.window_length(length), "all");
    const EncoderShape shape{.items = 2000, .length = length, .dimension = 8};
    const auto lesson = model.lesson(shape, windows, 1);
    const auto counts = target_counts(lesson);
    for (const auto& history : histories) {
      for (std::size_t n = 0; n < history.size(); ++n) {
        const auto found = counts.find(history[n]);
        EXPECT_EQ(found == counts.end() ? 0 : found->second, n == 0 ? 0 : 1) << history.size() << " " << n;
      }
    }
    std::size_t longest_read = 0;
    for (const auto& input : lesson.inputs) {
      EXPECT_GE(input.size(), 1U);  // nothing is predicted from nothing
      longest_read = std::max(longest_read, input.size());
    }
    EXPECT_EQ(longest_read, model.input_of(histories.back(), shape).size()) << length;
  }
}

TEST(Bert4RecWindows, HoldEveryItemAndReachThePositionsThatAPredictionReads) {
  const Bert4Rec model({}, {});
  const auto histories = histories_of_all_lengths();
  for (const std::int64_t length : {2, 3, 7, 20}) {
    const auto windows = training_windows(histories, model.window_length(length), "all");
    std::set<ItemIndex> held;
    std::size_t longest_read = 0;
    for (const auto& window : windows) {
      EXPECT_GE(window.size(), 2U);
      longest_read = std::max(longest_read, window.size());
      held.insert(window.begin(), window.end());
    }
    for (const auto& history : histories) {
      for (const auto item : history) EXPECT_EQ(held.contains(item), history.size() > 1) << item;
    }
    const EncoderShape shape{.items = 2000, .length = length, .dimension = 8};
    EXPECT_EQ(longest_read, model.input_of(histories.back(), shape).size()) << length;
  }
}

TEST(SequenceBatches, TakeEverySequenceOnceAndOthersTogetherInAnotherEpoch) {
  const auto sequences = random_sequences(103, 50, 1);
  const auto batches = plan_sequence_batches(sequences, 10, 5, 1);
  std::vector<std::size_t> all;
  for (const auto& batch : batches) {
    EXPECT_LE(batch.size(), 10U);
    all.insert(all.end(), batch.begin(), batch.end());
  }
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), 103U);
  for (std::size_t n = 0; n < all.size(); ++n) EXPECT_EQ(all[n], n);
  EXPECT_EQ(batches, plan_sequence_batches(sequences, 10, 5, 1));
  EXPECT_NE(batches, plan_sequence_batches(sequences, 10, 5, 2));
  EXPECT_NE(batches, plan_sequence_batches(sequences, 10, 6, 1));
}

TEST(SequenceBatches, StandRightAligned) {
  const std::vector<Sequence> sequences = {{4, 5, 6}, {7}};
  const auto batch = make_sequence_batch(sequences, 99);
  EXPECT_TRUE(torch::equal(batch.items, torch::tensor({{4, 5, 6}, {99, 99, 7}}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.present, torch::tensor({{true, true, true}, {false, false, true}})));
}

EncoderShape shape(std::int64_t items) { return {.items = items, .length = 20, .dimension = 8}; }

TEST(SasRecLesson, AsksEveryPositionForTheItemBehindIt) {
  const SasRec model({}, {});
  const std::vector<Sequence> windows = {{3, 1, 4}, {1, 5}};
  const auto lesson = model.lesson(shape(6), windows, 1);
  EXPECT_THAT(lesson.inputs, ElementsAre(Sequence{3, 1}, Sequence{1}));
  std::vector<std::tuple<std::int64_t, std::int64_t, ItemIndex>> targets;
  for (const auto& t : lesson.targets) targets.emplace_back(t.row, t.position, t.item);
  EXPECT_THAT(targets, ElementsAre(std::tuple(0, 0, 1), std::tuple(0, 1, 4), std::tuple(1, 0, 5)));
  EXPECT_EQ(lesson.sight, Sight::kPast);
  EXPECT_FALSE(lesson.negatives);
}

TEST(SasRecLesson, DrawsNegativesUniformlyOutsideOfTheWindow) {
  SasRecOptions options;
  options.loss = "bce";
  const SasRec model({}, options);
  const std::vector<Sequence> windows(200, Sequence{0, 3, 6});
  std::map<ItemIndex, int> drawn;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto lesson = model.lesson(shape(8), windows, seed);
    EXPECT_TRUE(lesson.negatives);
    for (const auto& target : lesson.targets) ++drawn[target.other];
  }
  // 4,000 draws of five items: 800 each, deviation 25.
  EXPECT_EQ(drawn.size(), 5U);
  for (const auto& [item, count] : drawn) {
    EXPECT_TRUE(item != 0 && item != 3 && item != 6) << item;
    EXPECT_NEAR(count, 800, 130) << item;
  }
  // A window of everything has no negative: the next item of the catalogue.
  const std::vector<Sequence> full = {{0, 1, 2}};
  for (const auto& target : model.lesson(shape(3), full, 1).targets) EXPECT_EQ(target.other, (target.item + 1) % 3);
}

TEST(SasRecInput, IsTheEndOfAHistory) {
  const SasRec model({}, {});
  Sequence history(30);
  for (std::size_t n = 0; n < history.size(); ++n) history[n] = static_cast<ItemIndex>(n);
  const auto input = model.input_of(history, shape(40));
  EXPECT_EQ(input.size(), 20U);
  EXPECT_EQ(input.back(), 29);
  EXPECT_EQ(input.front(), 10);
}

TEST(Bert4RecLesson, NeverShowsWhatItAsksFor) {
  Bert4RecOptions options;
  options.mask_probability = 0.3;
  options.last_share = 0.25;
  const Bert4Rec model({}, options);
  const auto windows = random_sequences(400, 30, 7);
  const auto lesson = model.lesson(shape(30), windows, 3);
  EXPECT_EQ(lesson.sight, Sight::kEverything);
  ASSERT_EQ(lesson.inputs.size(), windows.size());
  std::vector<std::set<std::size_t>> masked(windows.size());
  for (const auto& target : lesson.targets) {
    const auto row = static_cast<std::size_t>(target.row);
    const auto position = static_cast<std::size_t>(target.position);
    EXPECT_EQ(lesson.inputs[row][position], 30);
    EXPECT_EQ(target.item, windows[row][position]);
    EXPECT_TRUE(masked[row].insert(position).second);
  }
  EXPECT_TRUE(std::is_sorted(lesson.targets.begin(), lesson.targets.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.row, a.position) < std::tuple(b.row, b.position);
  }));
  int last_alone = 0;
  double share = 0;
  double items = 0;
  for (std::size_t row = 0; row < windows.size(); ++row) {
    EXPECT_FALSE(masked[row].empty());
    for (std::size_t i = 0; i < windows[row].size(); ++i) {
      if (!masked[row].contains(i)) {
        EXPECT_EQ(lesson.inputs[row][i], windows[row][i]);
      }
    }
    if (masked[row].size() == 1 && masked[row].contains(windows[row].size() - 1)) ++last_alone;
    if (windows[row].size() > 5) {
      share += static_cast<double>(masked[row].size());
      items += static_cast<double>(windows[row].size());
    }
  }
  EXPECT_GT(last_alone, 80);  // 100 by the lot for it, some of the others by chance
  // 0.75 * 0.3 and a quarter of the windows, of about eight items, with one.
  EXPECT_NEAR(share / items, 0.75 * 0.3 + 0.25 / 8, 0.05);
}

TEST(Bert4RecLesson, AsksForNothingWithoutAnythingToGoBy) {
  Bert4RecOptions options;
  options.mask_probability = 0.9;
  options.last_share = 0;
  const Bert4Rec model({}, options);
  const std::vector<Sequence> windows(500, Sequence{3, 4});
  const auto lesson = model.lesson(shape(30), windows, 3);
  ASSERT_EQ(lesson.targets.size(), windows.size());
  int first = 0;
  for (const auto& input : lesson.inputs) {
    EXPECT_EQ(std::count(input.begin(), input.end(), 30), 1);
    if (input[0] == 30) ++first;
  }
  EXPECT_NEAR(first, 250, 60);  // which of the two is by lot: deviation 11
}

TEST(Bert4RecLesson, MasksTheLastItemAloneWhenAllWindowsAreSuch) {
  Bert4RecOptions options;
  options.last_share = 1;
  const Bert4Rec model({}, options);
  const auto windows = random_sequences(20, 30, 7);
  const auto lesson = model.lesson(shape(30), windows, 3);
  ASSERT_EQ(lesson.targets.size(), windows.size());
  for (std::size_t row = 0; row < windows.size(); ++row) {
    EXPECT_EQ(lesson.targets[row].position, static_cast<std::int64_t>(windows[row].size()) - 1);
  }
}

TEST(Bert4RecInput, EndsWithTheMask) {
  const Bert4Rec model({}, {});
  const Sequence history = {1, 2, 3};
  EXPECT_THAT(model.input_of(history, shape(9)), ElementsAre(1, 2, 3, 9));
  EncoderShape shorter = shape(9);
  shorter.length = 3;
  EXPECT_THAT(model.input_of(history, shorter), ElementsAre(2, 3, 9));
  shorter.length = 1;
  EXPECT_THAT(model.input_of(history, shorter), ElementsAre(9));
}

TEST(Cl4SRecLesson, AddsTwoViewsOfEveryWindow) {
  Cl4SRecOptions options;
  options.weight = 0.4;
  options.temperature = 0.7;
  const Cl4SRec model({}, {}, options);
  const auto windows = random_sequences(50, 30, 7);
  const auto lesson = model.lesson(shape(30), windows, 3);
  ASSERT_TRUE(lesson.contrast.has_value());
  EXPECT_EQ(lesson.contrast->first.size(), windows.size());
  EXPECT_EQ(lesson.contrast->second.size(), windows.size());
  EXPECT_NE(lesson.contrast->first, lesson.contrast->second);
  EXPECT_NE(lesson.contrast->first_seed, lesson.contrast->second_seed);
  EXPECT_EQ(lesson.contrast->weight, 0.4);
  EXPECT_EQ(lesson.contrast->temperature, 0.7);
  options.weight = 0;
  EXPECT_FALSE(Cl4SRec({}, {}, options).lesson(shape(30), windows, 3).contrast.has_value());
}

TEST(Cl4SRecLesson, TakesViewsOfWhatAPredictionWouldRead) {
  Cl4SRecOptions options;
  options.weight = 1;
  options.ratios = {.crop = 1, .mask = 0, .reorder = 0};
  const Cl4SRec model({}, {}, options);
  EncoderShape few = shape(30);
  few.length = 3;
  const std::vector<Sequence> windows = {{5, 6, 7, 8}, {1, 2}};
  const auto lesson = model.lesson(few, windows, 3);
  EXPECT_THAT(lesson.inputs, ElementsAre(Sequence{5, 6, 7}, Sequence{1}));
  EXPECT_THAT(lesson.contrast->first, ElementsAre(Sequence{6, 7, 8}, Sequence{1, 2}));
  EXPECT_THAT(lesson.contrast->second, ElementsAre(Sequence{6, 7, 8}, Sequence{1, 2}));
}

TEST(SequenceViews, CropMaskAndReorderTheirShare) {
  Sequence sequence(10);
  for (std::size_t n = 0; n < sequence.size(); ++n) sequence[n] = static_cast<ItemIndex>(n);
  std::set<ItemIndex> starts;
  std::map<ItemIndex, int> masks;
  std::set<Sequence> orders;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    RandomStream random(seed, "tests.views");
    const auto crop = cropped(sequence, 0.6, random);
    ASSERT_EQ(crop.size(), 6U);
    for (std::size_t n = 0; n < crop.size(); ++n) EXPECT_EQ(crop[n], crop[0] + static_cast<ItemIndex>(n));
    starts.insert(crop[0]);
    const auto hidden = masked(sequence, 0.3, 77, random);
    EXPECT_EQ(std::count(hidden.begin(), hidden.end(), 77), 3);
    for (std::size_t n = 0; n < hidden.size(); ++n) {
      if (hidden[n] == 77) ++masks[static_cast<ItemIndex>(n)];
      EXPECT_TRUE(hidden[n] == 77 || hidden[n] == sequence[n]);
    }
    const auto mixed = reordered(sequence, 0.4, random);
    EXPECT_TRUE(std::is_permutation(mixed.begin(), mixed.end(), sequence.begin()));
    std::size_t first = 0;
    while (first < 10 && mixed[first] == sequence[first]) ++first;
    std::size_t last = 10;
    while (last > first && mixed[last - 1] == sequence[last - 1]) --last;
    EXPECT_LE(last - first, 4U);
    orders.insert(mixed);
  }
  EXPECT_THAT(starts, ElementsAre(0, 1, 2, 3, 4));
  for (ItemIndex place = 0; place < 10; ++place) EXPECT_NEAR(masks[place], 150, 45) << place;
  EXPECT_GT(orders.size(), 80U);  // of 7 * 24, less those that coincide
}

TEST(SequenceViews, AreOneOfTheThreeByLot) {
  const Sequence sequence = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const ViewRatios ratios{.crop = 0.5, .mask = 0.5, .reorder = 0.5};
  int crops = 0;
  int masks = 0;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    RandomStream random(seed, "tests.views");
    const auto view = random_view(sequence, ratios, 77, random);
    if (view.size() == 5) ++crops;
    if (std::count(view.begin(), view.end(), 77) > 0) ++masks;
  }
  EXPECT_NEAR(crops, 200, 50);
  EXPECT_NEAR(masks, 200, 50);
}

TEST(SequenceViews, LeaveAtLeastOneItem) {
  RandomStream random(1, "tests.views");
  EXPECT_EQ(cropped({5}, 0.1, random).size(), 1U);
  EXPECT_EQ(masked({5}, 0.5, 77, random), Sequence{5});
  EXPECT_EQ(reordered({5}, 1, random), Sequence{5});
}

TEST(ViewContrast, IsWhatItsFormulaSays) {
  // Cosines: first0-first1 0, first0-second0 1, first0-second1 0.6, first1-second0 0, first1-second1 0.8, second0-second1 0.6.
  const auto first = torch::tensor({{2.0, 0.0}, {0.0, 1.0}});
  const auto second = torch::tensor({{3.0, 0.0}, {0.6, 0.8}});
  const double t = 0.5;
  const auto e = [&](double cosine) { return std::exp(cosine / t); };
  const double expected = -(std::log(e(1) / (e(0) + e(1) + e(0.6))) + std::log(e(0.8) / (e(0) + e(0) + e(0.8))) +
                            std::log(e(1) / (e(1) + e(0) + e(0.6))) + std::log(e(0.8) / (e(0.6) + e(0.8) + e(0.6)))) /
                          4;
  EXPECT_NEAR(view_contrast(first, second, t).item<double>(), expected, 1e-6);
}

}  // namespace
}  // namespace llama4rec::recommenders
