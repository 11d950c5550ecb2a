#include "data/sample.h"

#include <algorithm>
#include <set>

#include "data/folder.h"
#include "data_fixtures.h"

namespace llama4rec::data {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

const SourceData& sample() {
  static const SourceData data = make_sample({});
  return data;
}

std::size_t at(ItemIndex item) { return static_cast<std::size_t>(item); }

TEST(Sample, IsTheSameByteForByteAsTheOneThatTheProgramShips) {
  const auto shipped = locate("sample", {});
  ASSERT_TRUE(shipped) << "samples/synthetic-movies is missing";
  TemporaryDirectory directory;
  write_folder(sample(), directory / "made", Overwrite::kNo);
  for (const char* name : {"dataset.json", "users.tsv", "items.tsv", "interactions.tsv"}) {
    std::ifstream file(*shipped / name, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_TRUE(text == directory.read(std::string("made/") + name)) << name << " differs";
  }
}

TEST(Sample, LoadsByItsNameAndIsMarkedAsSynthetic) {
  const auto data = load("sample", {});
  EXPECT_TRUE(data.dataset.synthetic);
  EXPECT_EQ(data.dataset.name, "synthetic-movies");
  EXPECT_EQ(data.dataset.users(), 600);
  EXPECT_EQ(data.dataset.items(), 400);
  EXPECT_EQ(data.dataset.size(), 30000);
  EXPECT_EQ(data.positive_threshold, 4);
}

TEST(Sample, StaysUnderTwoMegabytes) {
  std::uintmax_t size = 0;
  for (const auto& file : std::filesystem::directory_iterator(*locate("sample", {}))) size += file.file_size();
  EXPECT_LT(size, 2'000'000U);
}

TEST(Sample, HasALongTailOfUsersAndItems) {
  std::vector<int> users(600, 0);
  std::vector<int> items(400, 0);
  for (const auto& interaction : sample().dataset.interactions) {
    ++users[at(interaction.user)];
    ++items[at(interaction.item)];
  }
  std::sort(users.rbegin(), users.rend());
  std::sort(items.rbegin(), items.rend());
  const auto share = [](const std::vector<int>& counts) {
    std::int64_t top = 0;
    for (std::size_t i = 0; i < counts.size() / 5; ++i) top += counts[i];
    return static_cast<double>(top) / 30000;
  };
  EXPECT_GT(share(users), 0.4);
  EXPECT_GT(share(items), 0.4);
  EXPECT_GE(items.back(), 5);
  EXPECT_LT(users.back(), 3) << "a user with fewer than 3 interactions";
}

TEST(Sample, HasTheAwkwardTitlesThatPromptsStumbleOver) {
  const auto& titles = sample().dataset.item_titles;
  const std::set<std::string> distinct(titles.begin(), titles.end());
  EXPECT_EQ(distinct.size() + 1, titles.size()) << "exactly one title occurs twice";
  EXPECT_THAT(titles, Contains(HasSubstr("; ")));
  EXPECT_THAT(titles, Contains("Harbor of Ondasil"));
  EXPECT_THAT(titles, Contains("Harbor of Ondasil Reborn"));
  EXPECT_THAT(titles, Contains(HasSubstr("\xC3\xA9")));
}

TEST(Sample, LetsUsersLikeTheGenresThatTheyWatchMost) {
  // Ratings of a user's most watched genre against the rest: the signal that collaborative filtering needs.
  const auto& dataset = sample().dataset;
  const auto& genres = dataset.item_attributes.values[0];
  std::vector<std::map<std::string, int>> watched(600);
  const auto main_genre = [&](const Interaction& i) {
    return genres[at(i.item)].substr(0, genres[at(i.item)].find('|'));
  };
  for (const auto& interaction : dataset.interactions) ++watched[at(interaction.user)][main_genre(interaction)];
  double favourite_sum = 0;
  double other_sum = 0;
  int favourites = 0;
  int others = 0;
  for (const auto& interaction : dataset.interactions) {
    const auto& counts = watched[at(interaction.user)];
    const auto favourite = std::max_element(counts.begin(), counts.end(),
                                            [](const auto& a, const auto& b) { return a.second < b.second; });
    const bool is_favourite = favourite->first == main_genre(interaction);
    (is_favourite ? favourite_sum : other_sum) += static_cast<double>(interaction.rating);
    ++(is_favourite ? favourites : others);
  }
  EXPECT_GT(favourite_sum / favourites, other_sum / others + 0.4);
}

TEST(Sample, LetsPeopleWatchSeriesInOrderMostly) {
  const auto& dataset = sample().dataset;
  std::vector<std::int64_t> predecessor(dataset.item_titles.size(), -1);
  for (std::size_t i = 1; i < predecessor.size(); ++i) {
    const auto& title = dataset.item_titles[i];
    const auto stem = dataset.item_titles[i - 1].substr(0, dataset.item_titles[i - 1].find(" ("));
    const bool second = title.starts_with(stem + " II (");
    const bool later = stem.ends_with(" II") && title.starts_with(stem + "I (");
    if (second || later) predecessor[i] = static_cast<std::int64_t>(i) - 1;
  }
  ASSERT_GT(std::count_if(predecessor.begin(), predecessor.end(), [](auto p) { return p >= 0; }), 50);
  int in_order = 0;
  int directly = 0;
  int all = 0;
  std::set<std::pair<UserIndex, ItemIndex>> seen;
  Interaction last;
  for (const auto& interaction : dataset.interactions) {
    if (const auto before = predecessor[at(interaction.item)]; before >= 0) {
      ++all;
      in_order += seen.contains({interaction.user, static_cast<ItemIndex>(before)}) ? 1 : 0;
      directly += last.user == interaction.user && last.item == before ? 1 : 0;
    }
    seen.insert({interaction.user, interaction.item});
    last = interaction;
  }
  EXPECT_GT(in_order, all * 6 / 10) << in_order << " of " << all;
  EXPECT_GT(directly, all * 4 / 10) << directly << " of " << all;
}

TEST(Sample, FollowsItsSeedAndSizes) {
  const SampleOptions small{.users = 20, .items = 40, .interactions = 300, .seed = 7};
  const auto a = make_sample(small);
  const auto b = make_sample(small);
  EXPECT_EQ(a.dataset.size(), 300);
  EXPECT_EQ(a.dataset.users(), 20);
  EXPECT_EQ(a.dataset.items(), 40);
  EXPECT_EQ(rows(a.dataset), rows(b.dataset));
  auto other = small;
  other.seed = 8;
  EXPECT_NE(rows(make_sample(other).dataset), rows(a.dataset));
}

TEST(Sample, MeetsTheSmallestAndTheDensestSizes) {
  for (const SampleOptions& options : {SampleOptions{.users = 1, .items = 16, .interactions = 8, .seed = 1},
                                       SampleOptions{.users = 3, .items = 16, .interactions = 24, .seed = 2},
                                       SampleOptions{.users = 200, .items = 20, .interactions = 2000, .seed = 3}}) {
    const auto data = make_sample(options);
    EXPECT_EQ(data.dataset.size(), options.interactions);
    std::set<std::pair<UserIndex, ItemIndex>> pairs;
    for (const auto& interaction : data.dataset.interactions) {
      EXPECT_TRUE(pairs.insert({interaction.user, interaction.item}).second) << "nobody watches a movie twice";
      EXPECT_GE(interaction.rating, 1);
      EXPECT_LE(interaction.rating, 5);
    }
  }
}

TEST(Sample, RefusesSizesThatCannotBeMet) {
  EXPECT_THAT(message_of<UsageError>([] { make_sample({.users = 10, .items = 40, .interactions = 500, .seed = 1}); }),
              HasSubstr("expected 8 to 20 for each user, 80 to 200"));
  EXPECT_THAT(message_of<UsageError>([] { make_sample({.users = 0}); }), HasSubstr("--users"));
  EXPECT_THAT(message_of<UsageError>([] { make_sample({.items = 3}); }), HasSubstr("--items"));
}

}  // namespace
}  // namespace llama4rec::data
