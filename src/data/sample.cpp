#include "data/sample.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include <llama4rec/error.h>

#include "core/random.h"
#include "data/sample_movies.h"

namespace llama4rec::data {
namespace {

/// How much a user likes a genre or a director.
enum class Liking : std::uint8_t { kDislikes, kNeutral, kLikes, kLoves };

std::size_t level(Liking liking) { return static_cast<std::size_t>(liking); }

struct SampleUser {
  std::string age;
  std::string gender;
  std::string occupation;
  std::array<Liking, kSampleGenres> genres{};
  std::array<Liking, kSampleGenres * kDirectorsPerGenre> directors{};
  std::size_t interactions = 0;
};

constexpr std::array<const char*, kSampleGenres> kOccupations = {"athlete", "pilot",     "teacher", "salesperson",
                                                                 "lawyer",  "scientist", "nurse",   "librarian",
                                                                 "student", "musician",  "artist",  "engineer"};

/// Loves three genres (the first one often goes with the occupation, the second with the age), likes two, dislikes three.
SampleUser invent_user(RandomStream& random) {
  SampleUser user;
  constexpr std::uint64_t kYoungest = 14;
  const auto age = kYoungest + random.below(28) + random.below(28);
  const auto occupation = random.below(kOccupations.size());
  user.age = std::to_string(age);
  user.gender = random.below(100) < 55 ? "M" : "F";
  user.occupation = kOccupations[occupation];

  std::array<std::size_t, kSampleGenres> order{};
  std::iota(order.begin(), order.end(), std::size_t{0});
  random.shuffle(std::span<std::size_t>(order));
  const auto move_to = [&](std::size_t place, std::size_t genre) {
    std::iter_swap(order.begin() + static_cast<std::ptrdiff_t>(place), std::find(order.begin(), order.end(), genre));
  };
  if (random.below(100) < 60) move_to(0, occupation);
  constexpr std::uint64_t kYearsPerGenre = 5;
  if (const auto genre = (age / kYearsPerGenre) % kSampleGenres; genre != order[0] && random.below(100) < 40) {
    move_to(1, genre);
  }
  user.genres.fill(Liking::kNeutral);
  user.directors.fill(Liking::kNeutral);
  for (std::size_t i = 0; i < 3; ++i) user.genres[order[i]] = Liking::kLoves;
  for (std::size_t i = 3; i < 5; ++i) user.genres[order[i]] = Liking::kLikes;
  for (std::size_t i = 9; i < kSampleGenres; ++i) user.genres[order[i]] = Liking::kDislikes;
  for (std::size_t genre = 0; genre < kSampleGenres; ++genre) {
    const auto loved = random.below(kDirectorsPerGenre);
    const auto disliked = (loved + 1 + random.below(kDirectorsPerGenre - 1)) % kDirectorsPerGenre;
    user.directors[genre * kDirectorsPerGenre + loved] = Liking::kLoves;
    user.directors[genre * kDirectorsPerGenre + disliked] = Liking::kDislikes;
  }
  return user;
}

/// Splits the interactions over the users by weights that fall with a random rank.
void set_activity(std::vector<SampleUser>& users, const SampleOptions& options, RandomStream& random) {
  constexpr std::size_t kBrief = 5;  // users with fewer than 3 interactions, to be met in tests and demonstrations
  constexpr std::size_t kFewest = 8;
  const auto brief = std::min(kBrief, users.size() / 100);
  const auto most = static_cast<std::size_t>(options.items) * 3 / 4;
  std::vector<std::size_t> order(users.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  random.shuffle(std::span<std::size_t>(order));

  auto left = static_cast<std::size_t>(options.interactions);
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto count = i < brief ? 1 + i % 2 : kFewest;
    users[order[i]].interactions = count;
    left -= std::min(left, count);
  }
  std::uint64_t total = 0;
  constexpr std::uint64_t kScale = 1'000'000;
  const std::uint64_t flatness = users.size() / 16 + 1;
  const auto weight = [&](std::size_t i) { return kScale / (i - brief + flatness); };
  for (std::size_t i = brief; i < users.size(); ++i) total += weight(i);
  const auto shared = left;
  for (std::size_t i = brief; i < users.size(); ++i) {
    auto& count = users[order[i]].interactions;
    const auto extra = std::min({static_cast<std::size_t>(shared * weight(i) / total), most - count, left});
    count += extra;
    left -= extra;
  }
  for (std::size_t i = brief; left > 0; i = i + 1 < users.size() ? i + 1 : brief) {
    auto& count = users[order[i]].interactions;
    if (count >= most) continue;
    ++count;
    --left;
  }
}

std::size_t draw(const std::vector<std::uint64_t>& weights, RandomStream& random) {
  const auto total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  auto left = random.below(total);
  std::size_t i = 0;
  while (left >= weights[i]) left -= weights[i++];
  return i;
}

/// One user's way through the movies.
class Viewer {
 public:
  Viewer(const SampleUser& user, const std::vector<SampleMovie>& movies, RandomStream& random)
      : user_(&user), movies_(&movies), random_(&random), seen_(movies.size(), false) {
    constexpr std::int64_t kFirstDay = 820454400;  // 1 January 1996
    constexpr std::uint64_t kDays = 1000;
    time_ = kFirstDay + static_cast<std::int64_t>(random.below(kDays) * 86400);
  }

  void watch_all(UserIndex index, std::vector<Interaction>& interactions) {
    for (std::size_t i = 0; i < user_->interactions; ++i) {
      const auto movie = next_movie();
      const int rating = rate((*movies_)[movie]);
      seen_[movie] = true;
      last_ = movie;
      last_rating_ = rating;
      interactions.push_back({.user = index,
                              .item = static_cast<ItemIndex>(movie),
                              .rating = static_cast<float>(rating),
                              .timestamp = time_});
    }
  }

 private:
  std::size_t next_movie() {
    if (session_left_ == 0) start_session();
    --session_left_;
    // Some ratings are given in one go and share their second.
    if (random_->below(100) >= 4) time_ += 5400 + static_cast<std::int64_t>(random_->below(7200));
    if (last_rating_ >= 3) {
      const auto follower = (*movies_)[last_].successor;
      if (follower >= 0 && !seen_[static_cast<std::size_t>(follower)] && random_->below(100) < 75) {
        return static_cast<std::size_t>(follower);
      }
    }
    return draw(weights(), *random_);
  }

  void start_session() {
    constexpr std::array<std::uint64_t, 4> kWeights = {1, 3, 9, 24};
    std::vector<std::uint64_t> genres;
    for (const auto liking : user_->genres) genres.push_back(kWeights[level(liking)]);
    genre_ = draw(genres, *random_);
    session_left_ = 2 + random_->below(5);
    time_ += 86400 * (1 + static_cast<std::int64_t>(random_->below(14)));
  }

  [[nodiscard]] std::uint64_t weight(const SampleMovie& movie) const {
    constexpr std::array<std::uint64_t, 4> kDirector = {1, 3, 6, 9};
    std::uint64_t weight = movie.popularity * kDirector[level(user_->directors[movie.director])];
    weight *= movie.genre == genre_ ? 60 : movie.second_genre == genre_ ? 15 : 1;
    const bool too_early = movie.predecessor >= 0 && !seen_[static_cast<std::size_t>(movie.predecessor)];
    return too_early ? weight / 12 + 1 : weight;
  }

  [[nodiscard]] std::vector<std::uint64_t> weights() const {
    std::vector<std::uint64_t> result(movies_->size(), 0);
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (!seen_[i]) result[i] = weight((*movies_)[i]);
    }
    return result;
  }

  /// 1 to 5, from tenths.
  int rate(const SampleMovie& movie) {
    constexpr std::array<int, 4> kGenre = {-12, -2, 4, 8};
    constexpr std::array<int, 4> kDirector = {-7, 0, 4, 6};
    constexpr int kBase = 31;
    const int noise = static_cast<int>(random_->below(8) + random_->below(8)) - 7;
    const int tenths = kBase + kGenre[level(user_->genres[movie.genre])] +
                       kDirector[level(user_->directors[movie.director])] + movie.quality + noise;
    return std::clamp((tenths + 5) / 10, 1, 5);
  }

  const SampleUser* user_;
  const std::vector<SampleMovie>* movies_;
  RandomStream* random_;
  std::vector<bool> seen_;
  std::int64_t time_ = 0;
  std::size_t genre_ = 0;
  std::uint64_t session_left_ = 0;
  std::size_t last_ = 0;
  int last_rating_ = 0;
};

void check(const SampleOptions& options) {
  constexpr std::int64_t kFewestUsers = 1;
  constexpr std::int64_t kFewestItems = 12;
  constexpr std::int64_t kMost = 100'000;
  constexpr std::int64_t kPerUser = 8;
  if (options.users < kFewestUsers || options.users > kMost) throw UsageError("--users: expected 1 to 100000");
  if (options.items < kFewestItems || options.items > kMost) throw UsageError("--items: expected 12 to 100000");
  if (options.interactions < options.users * kPerUser || options.interactions > options.users * (options.items / 2)) {
    throw UsageError("--interactions: found " + std::to_string(options.interactions) + ", expected 8 to " +
                     std::to_string(options.items / 2) + " for each user, " + std::to_string(options.users * kPerUser) +
                     " to " + std::to_string(options.users * (options.items / 2)));
  }
}

Dataset described(const std::vector<SampleUser>& users, const std::vector<SampleMovie>& movies,
                  const std::vector<std::string>& directors) {
  Dataset dataset;
  dataset.name = "synthetic-movies";
  dataset.synthetic = true;
  dataset.item_noun = "movie";
  dataset.user_attributes = {.names = {"age", "gender", "occupation"}, .values = {{}, {}, {}}};
  dataset.item_attributes = {.names = {"genres", "year", "director"}, .values = {{}, {}, {}}};
  for (const auto& user : users) {
    dataset.user_ids.push_back(std::to_string(dataset.user_ids.size() + 1));
    dataset.user_attributes.values[0].push_back(user.age);
    dataset.user_attributes.values[1].push_back(user.gender);
    dataset.user_attributes.values[2].push_back(user.occupation);
  }
  for (const auto& movie : movies) {
    std::string genres = sample_genre_name(movie.genre);
    if (movie.second_genre != movie.genre) genres += std::string("|") + sample_genre_name(movie.second_genre);
    dataset.item_ids.push_back(std::to_string(dataset.item_ids.size() + 1));
    dataset.item_titles.push_back(movie.title);
    dataset.item_attributes.values[0].push_back(std::move(genres));
    dataset.item_attributes.values[1].push_back(std::to_string(movie.year));
    dataset.item_attributes.values[2].push_back(directors[movie.director]);
  }
  return dataset;
}

}  // namespace

SourceData make_sample(const SampleOptions& options) {
  check(options);
  RandomStream movie_random(options.seed, "sample.movies");
  RandomStream user_random(options.seed, "sample.users");
  const auto directors = make_sample_directors(movie_random);
  const auto movies = make_sample_movies(static_cast<std::size_t>(options.items), movie_random);
  std::vector<SampleUser> users;
  for (std::int64_t i = 0; i < options.users; ++i) users.push_back(invent_user(user_random));
  set_activity(users, options, user_random);

  SourceData source;
  source.dataset = described(users, movies, directors);
  constexpr double kThreshold = 4;
  source.positive_threshold = kThreshold;
  for (std::size_t user = 0; user < users.size(); ++user) {
    RandomStream random(options.seed, "sample.viewing", {user});
    Viewer(users[user], movies, random).watch_all(static_cast<UserIndex>(user), source.dataset.interactions);
  }
  return source;
}

}  // namespace llama4rec::data
