#include <algorithm>
#include <numeric>
#include <set>

#include "core/random.h"
#include "data/source_data.h"
#include "data_fixtures.h"

namespace llama4rec::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Interactions like {user, item, rating, time}; ids are the numbers.
SourceData source_of(std::int64_t users, std::int64_t items, std::vector<Interaction> interactions) {
  SourceData source;
  source.dataset.name = "test";
  for (std::int64_t i = 0; i < users; ++i) source.dataset.user_ids.push_back("u" + std::to_string(i));
  for (std::int64_t i = 0; i < items; ++i) {
    source.dataset.item_ids.push_back("i" + std::to_string(i));
    source.dataset.item_titles.push_back("title " + std::to_string(i));
  }
  source.dataset.item_attributes = {.names = {"a"}, .values = {source.dataset.item_titles}};
  source.dataset.user_attributes = {.names = {"id"}, .values = {source.dataset.user_ids}};
  source.dataset.interactions = std::move(interactions);
  return source;
}

TEST(Assemble, SortsByUserThenTimeThenPositionInTheFile) {
  const auto data =
      assemble(source_of(2, 4, {{1, 0, 5, 7}, {0, 3, 1, 9}, {0, 2, 2, 5}, {0, 1, 3, 9}, {0, 0, 4, 9}}), {});
  EXPECT_THAT(rows(data.dataset), ElementsAre("u0 i2 2 @5", "u0 i3 1 @9", "u0 i1 3 @9", "u0 i0 4 @9", "u1 i0 5 @7"));
}

TEST(Assemble, KeepsTheLastByTimeOfRepeatedInteractionsAndCountsTheOthers) {
  const auto data = assemble(source_of(1, 2, {{0, 0, 1, 30}, {0, 0, 2, 10}, {0, 1, 3, 20}, {0, 0, 4, 30}}), {});
  EXPECT_THAT(rows(data.dataset), ElementsAre("u0 i1 3 @20", "u0 i0 4 @30")) << "at one time, the last in the file";
  EXPECT_EQ(notice(data.dataset, "repeated interactions of a user with an item dropped, the last one kept"), 2);
}

TEST(Assemble, KeepsEachRowsAttributesAndPartsWhenOthersAreDropped) {
  auto source = source_of(3, 4, {{2, 3, 5, 2}, {2, 1, 4, 1}, {0, 1, 3, 1}});
  source.parts = {Part::kTest, Part::kTrain, Part::kValidation};
  const auto data = assemble(std::move(source), {});
  EXPECT_THAT(data.dataset.user_ids, ElementsAre("u0", "u2"));
  EXPECT_THAT(data.dataset.user_attributes.values[0], ElementsAre("u0", "u2"));
  EXPECT_THAT(data.dataset.item_titles, ElementsAre("title 1", "title 3"));
  EXPECT_THAT(data.dataset.item_attributes.values[0], ElementsAre("title 1", "title 3"));
  EXPECT_THAT(rows(data.dataset), ElementsAre("u0 i1 3 @1", "u2 i1 4 @1", "u2 i3 5 @2"));
  EXPECT_THAT(*data.explicit_parts, ElementsAre(Part::kValidation, Part::kTrain, Part::kTest));
  EXPECT_EQ(notice(data.dataset, "users without interactions dropped"), 1);
  EXPECT_EQ(notice(data.dataset, "items without interactions dropped"), 2);
}

TEST(Assemble, RefusesAPairThatIsInTwoPartsOfAnExplicitSplit) {
  for (const bool has_timestamps : {true, false}) {
    auto source = source_of(2, 2, {{1, 0, 5, 9}, {1, 1, 4, 1}, {0, 0, 3, 1}, {1, 0, 5, 2}});
    source.dataset.has_timestamps = has_timestamps;
    source.parts = {Part::kTest, Part::kTrain, Part::kTrain, Part::kTrain};
    EXPECT_THAT(message_of([&] { assemble(source, {}); }),
                HasSubstr("user \"u1\" and item \"i0\" are in both test and train, expected a pair in one part only"));
  }
}

TEST(Assemble, KeepsTheLastOfAPairThatIsRepeatedWithinOnePart) {
  auto source = source_of(1, 2, {{0, 0, 5, 1}, {0, 0, 4, 2}, {0, 1, 3, 3}});
  source.parts = {Part::kTrain, Part::kTrain, Part::kTest};
  const auto data = assemble(source, {});
  EXPECT_THAT(rows(data.dataset), ElementsAre("u0 i0 4 @2", "u0 i1 3 @3"));
  EXPECT_THAT(*data.explicit_parts, ElementsAre(Part::kTrain, Part::kTest));
  EXPECT_EQ(notice(data.dataset, "repeated interactions of a user with an item dropped, the last one kept"), 1);
}

TEST(Assemble, NotesThatAllRatingsAreEqual) {
  EXPECT_EQ(notice(assemble(source_of(1, 2, {{0, 0, 3, 1}, {0, 1, 3, 2}}), {}).dataset,
                   "interactions, and all of them have the same rating"),
            2);
}

TEST(Assemble, RefusesADataSetWithoutInteractions) {
  EXPECT_THAT(message_of([] { assemble(source_of(1, 1, {}), {}); }), HasSubstr("there are no interactions"));
  EXPECT_THAT(message_of([] {
                assemble(source_of(1, 1, {{0, 0, 3, 1}}), {.core = 2});
              }),
              HasSubstr("nothing is left after the 2-core"));
}

TEST(KCore, RepeatsUntilNothingChanges) {
  // A chain: i3 has one rating; without it u2 has one; without u2, i2 has one; ... until only the square u0 u1 x i0 i1 is left.
  const std::vector<Interaction> interactions = {{0, 0, 1, 0}, {0, 1, 1, 0}, {1, 0, 1, 0}, {1, 1, 1, 0},
                                                 {1, 2, 1, 0}, {2, 2, 1, 0}, {2, 3, 1, 0}};
  const auto members = k_core(interactions, 3, 4, 2);
  EXPECT_THAT(members.users, ElementsAre(true, true, false));
  EXPECT_THAT(members.items, ElementsAre(true, true, false, false));
  EXPECT_EQ(members.rounds, 4) << "i3, then u2, then i2, then nothing";
}

TEST(KCore, EqualsOneAtATimeRemovalOnRandomData) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    RandomStream random(seed, "test");
    std::set<std::pair<int, int>> pairs;
    while (pairs.size() < 60) pairs.insert({static_cast<int>(random.below(15)), static_cast<int>(random.below(15))});
    std::vector<Interaction> interactions;
    for (const auto& [user, item] : pairs) interactions.push_back({user, item, 1, 0});
    const auto members = k_core(interactions, 15, 15, 3);
    // Reference: remove one member with too few at a time, users and items alike, in any order; the core is unique.
    auto left = pairs;
    for (bool changed = true; changed;) {
      changed = false;
      for (int id = 0; id < 15 && !changed; ++id) {
        const auto of_user = [&](const auto& p) { return p.first == id; };
        const auto of_item = [&](const auto& p) { return p.second == id; };
        const auto users = std::count_if(left.begin(), left.end(), of_user);
        const auto items = std::count_if(left.begin(), left.end(), of_item);
        if (users > 0 && users < 3) changed = std::erase_if(left, of_user) > 0;
        if (!changed && items > 0 && items < 3) changed = std::erase_if(left, of_item) > 0;
      }
    }
    std::set<std::pair<int, int>> kept;
    for (const auto& i : interactions) {
      if (members.users[static_cast<std::size_t>(i.user)] && members.items[static_cast<std::size_t>(i.item)]) {
        kept.insert({i.user, i.item});
      }
    }
    EXPECT_EQ(kept, left) << "seed " << seed;
  }
}

TEST(Load, SaysWhereItLookedForAMissingDataSetAndWhatToDo) {
  DataOptions options;
  options.directory = "/nonexistent/place";
  const auto message = message_of([&] { load("ml-100k", options); });
  EXPECT_THAT(message, HasSubstr("\"ml-100k\" was not found, looked at /nonexistent/place/ml-100k"));
  EXPECT_THAT(message, HasSubstr("llama4rec data fetch ml-100k"));
  EXPECT_THAT(message_of([&] { load("nothing", options); }), HasSubstr("or the folder of an imported data set"));
  TemporaryDirectory empty;
  EXPECT_THAT(message_of([&] { load(empty.path().string(), options); }),
              HasSubstr("holds no data set, expected one of"));
}

TEST(Load, LooksInTheOptionThenTheEnvironmentThenTheWorkingDirectory) {
  TemporaryDirectory directory;
  directory.write("a/mine/u.data", "x");
  directory.write("b/mine/u.data", "x");
  const char* before = std::getenv("LLAMA4REC_DATA");
  const std::string saved = before == nullptr ? "" : before;
  setenv("LLAMA4REC_DATA", (directory / "b").c_str(), 1);
  DataOptions options;
  EXPECT_EQ(locate("mine", options), directory / "b" / "mine");
  options.directory = (directory / "a").string();
  EXPECT_EQ(locate("mine", options), directory / "a" / "mine");
  options.directory = (directory / "c").string();
  EXPECT_EQ(locate("mine", options), std::nullopt) << "a folder that was asked for is not replaced by another one";
  EXPECT_EQ(locate("../b/mine", options), std::nullopt) << "a path is no name";
  if (before == nullptr) {
    unsetenv("LLAMA4REC_DATA");
  } else {
    setenv("LLAMA4REC_DATA", saved.c_str(), 1);
  }
}

TEST(Load, OverridesTheDataSetsOwnThresholdAndCore) {
  DataOptions options;
  EXPECT_EQ(load("sample", options).positive_threshold, 4);
  options.positive_threshold = 0;
  options.core = 20;
  const auto data = load("sample", options);
  EXPECT_EQ(data.positive_threshold, 0);
  for (UserIndex user = 0; user < data.dataset.users(); ++user) EXPECT_GE(data.dataset.of_user(user).size(), 20U);
}

}  // namespace
}  // namespace llama4rec::data
