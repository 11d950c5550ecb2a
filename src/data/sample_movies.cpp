#include "data/sample_movies.h"

#include <algorithm>
#include <numeric>
#include <span>

namespace llama4rec::data {
namespace {

struct GenreWords {
  const char* name;
  std::array<const char*, 6> adjectives;
  std::array<const char*, 8> nouns;
};

constexpr std::array<GenreWords, kSampleGenres> kGenres = {{
    {.name = "Action",
     .adjectives = {"Burning", "Relentless", "Armored", "Explosive", "Reckless", "Steel"},
     .nouns = {"Pursuit", "Strike", "Bullet", "Showdown", "Convoy", "Hammer", "Fuse", "Ambush"}},
    {.name = "Adventure",
     .adjectives = {"Lost", "Uncharted", "Golden", "Daring", "Distant", "Sunken"},
     .nouns = {"Expedition", "Compass", "Treasure", "Voyage", "Island", "Jungle", "Caravan", "Map"}},
    {.name = "Animation",
     .adjectives = {"Tiny", "Bouncing", "Painted", "Talking", "Whiskered", "Paper"},
     .nouns = {"Acorn", "Kitten", "Puppet", "Balloon", "Dragonfly", "Penguin", "Teapot", "Rabbit"}},
    {.name = "Comedy",
     .adjectives = {"Clumsy", "Hilarious", "Awkward", "Foolish", "Giggling", "Unlucky"},
     .nouns = {"Wedding", "Butler", "Prank", "Roommates", "Holiday", "Mix-Up", "Nephews", "Banquet"}},
    {.name = "Crime",
     .adjectives = {"Crooked", "Stolen", "Guilty", "Counterfeit", "Ruthless", "Hidden"},
     .nouns = {"Heist", "Alibi", "Racket", "Informer", "Verdict", "Smuggler", "Ransom", "Detective"}},
    {.name = "Documentary",
     .adjectives = {"True", "Unseen", "Remembered", "Everyday", "Measured", "Recorded"},
     .nouns = {"Glacier", "Archive", "Harvest", "Railway", "Portrait", "River", "Factory", "Migration"}},
    {.name = "Drama",
     .adjectives = {"Quiet", "Broken", "Faithful", "Bitter", "Forgiven", "Faded"},
     .nouns = {"Letter", "Daughter", "Orchard", "Winter", "Promise", "Farewell", "Inheritance", "Silence"}},
    {.name = "Fantasy",
     .adjectives = {"Enchanted", "Crystal", "Winged", "Ancient", "Spellbound", "Silver"},
     .nouns = {"Wizard", "Throne", "Griffin", "Rune", "Prophecy", "Sorceress", "Kingdom", "Amulet"}},
    {.name = "Horror",
     .adjectives = {"Haunted", "Crawling", "Bloodless", "Cursed", "Screaming", "Rotting"},
     .nouns = {"Crypt", "Cellar", "Specter", "Asylum", "Scarecrow", "Coffin", "Fog", "Ritual"}},
    {.name = "Musical",
     .adjectives = {"Singing", "Dancing", "Velvet", "Swinging", "Dazzling", "Melodious"},
     .nouns = {"Chorus", "Waltz", "Trumpet", "Ballroom", "Serenade", "Rhapsody", "Tambourine", "Encore"}},
    {.name = "Romance",
     .adjectives = {"Tender", "Secret", "Moonlit", "Longing", "Beloved", "Blushing"},
     .nouns = {"Kiss", "Sweetheart", "Bouquet", "Summer", "Embrace", "Engagement", "Confession", "Rose"}},
    {.name = "Sci-Fi",
     .adjectives = {"Galactic", "Quantum", "Robotic", "Frozen", "Orbital", "Cloned"},
     .nouns = {"Starship", "Android", "Nebula", "Signal", "Colony", "Reactor", "Wormhole", "Asteroid"}},
}};

template <std::size_t N>
const char* pick(const std::array<const char*, N>& words, RandomStream& random) {
  return words[random.below(N)];
}

/// Invented place names, each one once.
class PlaceNames {
 public:
  explicit PlaceNames(RandomStream& random) : order_(kFirst.size() * kMiddle.size() * kLast.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    random.shuffle(std::span(order_));
  }
  std::string next() {
    const std::size_t round = next_ / order_.size();
    const std::size_t code = order_[next_++ % order_.size()];
    std::string name = kFirst[code % kFirst.size()];
    name += kMiddle[code / kFirst.size() % kMiddle.size()];
    name += kLast[code / kFirst.size() / kMiddle.size()];
    if (round > 0) name += " " + std::to_string(round + 1);
    return name;
  }

 private:
  static constexpr std::array<const char*, 16> kFirst = {"Var", "Quor", "Im",  "Ond", "Bel", "Tre", "Zan", "Mir",
                                                         "Osk", "Fen",  "Gru", "Hal", "Jor", "Kel", "Lum", "Wex"};
  static constexpr std::array<const char*, 10> kMiddle = {"a", "e", "i", "o", "u", "ada", "elo", "ira", "oru", "umi"};
  static constexpr std::array<const char*, 10> kLast = {"nok",  "vale", "brel", "sil", "thas",
                                                        "mund", "dris", "quin", "lor", "zet"};
  std::vector<std::size_t> order_;
  std::size_t next_ = 0;
};

std::string invent_title(const GenreWords& words, const std::string& place, RandomStream& random) {
  const std::string adjective = pick(words.adjectives, random);
  const std::string noun = pick(words.nouns, random);
  switch (random.below(4)) {
    case 0:
      return adjective + " " + noun + " of " + place;
    case 1:
      return "The " + noun + " of " + place;
    case 2:
      return place + ": " + adjective + " " + noun;
    default:
      return "The " + adjective + " " + noun + " from " + place;
  }
}

std::string with_year(const std::string& title, int year) { return title + " (" + std::to_string(year) + ")"; }

SampleMovie invent_movie(std::size_t genre, RandomStream& random) {
  SampleMovie movie;
  movie.genre = genre;
  movie.second_genre = random.below(10) < 4 ? random.below(kSampleGenres) : genre;
  movie.director = genre * kDirectorsPerGenre + random.below(kDirectorsPerGenre);
  constexpr int kFirstYear = 1955;
  constexpr std::uint64_t kYears = 43;
  movie.year = kFirstYear + static_cast<int>(random.below(kYears));
  movie.quality = static_cast<int>(random.below(6) + random.below(6)) - 5;
  return movie;
}

void append_series(std::vector<SampleMovie>& movies, std::size_t length, std::size_t genre, PlaceNames& places,
                   RandomStream& random) {
  constexpr std::array<const char*, 4> kParts = {"", " II", " III", " IV"};
  auto movie = invent_movie(genre, random);
  const auto title = invent_title(kGenres[genre], places.next(), random);
  for (std::size_t part = 0; part < length; ++part) {
    movie.title = with_year(title + kParts[part], movie.year);
    const auto index = static_cast<std::int64_t>(movies.size());
    movie.predecessor = part == 0 ? -1 : index - 1;
    movie.successor = part + 1 == length ? -1 : index + 1;
    movies.push_back(movie);
    movie.year += 1 + static_cast<int>(random.below(3));
    movie.quality -= static_cast<int>(random.below(3));
  }
}

/// Titles that prompts and parsers stumble over; they replace those of the first movies outside of series.
void set_awkward_titles(std::vector<SampleMovie>& movies) {
  struct Awkward {
    const char* title;
    int year;
  };
  constexpr std::array<Awkward, 6> kTitles = {
      {{.title = "The Lantern of Quorvale (1987)", .year = 1987},
       {.title = "The Lantern of Quorvale (1987)", .year = 1987},
       {.title = "Bread; Salt; and the Road to Imbrel (1979)", .year = 1979},
       {.title = "Harbor of Ondasil", .year = 1991},
       {.title = "Harbor of Ondasil Reborn", .year = 1993},
       {.title = "\u00c0 l'ombre du g\u00e9ant \u00dcbrik \u2013 \u0141und\u00f8 (1994)", .year = 1994}}};
  std::size_t next = 0;
  for (auto& movie : movies) {
    if (next == kTitles.size()) return;
    if (movie.predecessor >= 0 || movie.successor >= 0) continue;
    movie.title = kTitles[next].title;
    movie.year = kTitles[next].year;
    ++next;
  }
}

/// Weights that fall with the rank, over a random order: a long tail. Parts of a series share the first part's weight.
void set_popularity(std::vector<SampleMovie>& movies, RandomStream& random) {
  std::vector<std::size_t> rank(movies.size());
  std::iota(rank.begin(), rank.end(), std::size_t{0});
  random.shuffle(std::span(rank));
  constexpr std::uint64_t kHighest = 60000;
  constexpr std::uint64_t kFlatness = 12;
  for (std::size_t i = 0; i < movies.size(); ++i) {
    movies[i].popularity = movies[i].predecessor >= 0
                               ? movies[static_cast<std::size_t>(movies[i].predecessor)].popularity
                               : kHighest / (rank[i] + kFlatness);
  }
}

}  // namespace

const char* sample_genre_name(std::size_t genre) { return kGenres[genre].name; }

std::vector<std::string> make_sample_directors(RandomStream& random) {
  constexpr std::array<const char*, 16> kFirst = {"Ansel",   "Brida",  "Corvin", "Delphia", "Emeric", "Fiora",
                                                  "Gethin",  "Hesper", "Ivarra", "Jorun",   "Kestra", "Lorcan",
                                                  "Mirelle", "Nestor", "Oriel",  "Petra"};
  constexpr std::array<const char*, 12> kLast = {"Ashgrove",   "Brindlewick", "Calloway-Orn", "Dunmarrow",
                                                 "Eskerfield", "Fennimoor",   "Gallowmere",   "Hartspool",
                                                 "Inglevast",  "Jessamund",   "Kirkvane",     "Larkholt"};
  std::vector<std::size_t> order(kFirst.size() * kLast.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  random.shuffle(std::span<std::size_t>(order));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kSampleGenres * kDirectorsPerGenre; ++i) {
    names.push_back(std::string(kFirst[order[i] % kFirst.size()]) + " " + kLast[order[i] / kFirst.size()]);
  }
  return names;
}

std::vector<SampleMovie> make_sample_movies(std::size_t count, RandomStream& random) {
  PlaceNames places(random);
  std::vector<SampleMovie> movies;
  const std::size_t in_series = count / 3;
  for (std::size_t genre = 0; movies.size() < in_series; genre = (genre + 1) % kSampleGenres) {
    append_series(movies, 2 + random.below(3), genre, places, random);
  }
  movies.resize(std::min(movies.size(), count));
  if (!movies.empty()) movies.back().successor = -1;
  for (std::size_t genre = 0; movies.size() < count; genre = (genre + 1) % kSampleGenres) {
    auto movie = invent_movie(genre, random);
    movie.title = with_year(invent_title(kGenres[genre], places.next(), random), movie.year);
    movies.push_back(std::move(movie));
  }
  set_awkward_titles(movies);
  set_popularity(movies, random);
  return movies;
}

}  // namespace llama4rec::data
