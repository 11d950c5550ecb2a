// The built-in styles word for word, the examples in configs/templates, and files of a user.
#include "prompts/template_sources.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "prompts/templates.h"
#include "support/tiny_dataset.h"

namespace llama4rec::prompts {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class TemplateSourcesTest : public ::testing::Test {
 protected:
  TemplateSourcesTest() : folder_(std::filesystem::path(::testing::TempDir()) / "template_sources_test") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~TemplateSourcesTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& ranking, const std::string& rating) const {
    std::ofstream(folder_ / "ranking.txt", std::ios::binary) << ranking;
    std::ofstream(folder_ / "rating.txt", std::ios::binary) << rating;
  }
  [[nodiscard]] std::string refusal() const {
    try {
      (void)Templates(texts_, read_templates(folder_));
    } catch (const DataError& error) {
      return error.what();
    }
    return "accepted";
  }
  [[nodiscard]] std::vector<std::string> ranking(const std::string& style, const RankingQuestion& question) const {
    return Templates(texts_, style).ranking(question).segments;
  }
  [[nodiscard]] std::vector<std::string> rating(const std::string& style, const RatingQuestion& question) const {
    return Templates(texts_, style).rating(question).segments;
  }

  std::filesystem::path folder_;
  Dataset dataset_ = llama4rec::testing::tiny_dataset({}, 6);
  ItemTexts texts_{dataset_};
  const RankingQuestion full_ranking_{.history = {0}, .candidates = {1, 2}, .similar_history = {3}, .hint = {2, 1}};
  const RatingQuestion full_rating_{
      .history = {{0, 4}}, .target = 2, .similar_history = {{1, 5}}, .predicted_rating = 3.25};
};

const std::string kRank =
    "Below is a user's interaction history. Rank the candidate movies by how likely the user is to like them next, "
    "best first. Answer with the titles of all candidates, separated by \"; \".\n";
const std::string kRate =
    "Below is a user's rating history. Predict the user's rating of the target movie on the scale from 1 to 5. Answer "
    "with the rating only.\n";

TEST_F(TemplateSourcesTest, CompactSegmentsAreWhatTheyHaveAlwaysBeen) {
  EXPECT_THAT(ranking("compact", full_ranking_),
              ElementsAre("similar: ", "Title 3", "; ", "hint: ", "Title 2", "; ", "Title 1", "; ", "rank: ", "Title 1",
                          "; ", "Title 2", "; ", "liked: ", "Title 0", "; "));
  EXPECT_THAT(ranking("compact", {}), ElementsAre("liked: "));
  EXPECT_THAT(rating("compact", full_rating_),
              ElementsAre("similar ratings: ", "Title 1", ": ", "5", "; ", "ratings: ", "Title 0", ": ", "4", "; ",
                          "predicted ", "3.2", "; ", "target: ", "Title 2", ": "));
  EXPECT_THAT(rating("compact", {.target = 1}), ElementsAre("ratings: ", "Title 1", ": "));
}

TEST_F(TemplateSourcesTest, VerboseSegmentsAreWhatTheyHaveAlwaysBeen) {
  EXPECT_THAT(ranking("verbose", full_ranking_),
              ElementsAre(kRank, "\nA user with similar taste liked: ", "Title 3", "; ",
                          "\nThe user liked: ", "Title 0", "; ", "\nCandidate movies: ", "Title 1", "; ", "Title 2",
                          "; ", "\nA recommender system ranks them: ", "Title 2", "; ", "Title 1", "; ", "\nAnswer: "));
  EXPECT_THAT(ranking("verbose", {}), ElementsAre(kRank, "\nAnswer: "));
  EXPECT_THAT(rating("verbose", full_rating_), ElementsAre(kRate, "\nRatings of a user with similar taste: ", "Title 1",
                                                           ": ", "5", "; ", "\nThe user's ratings: ", "Title 0", ": ",
                                                           "4", "; ", "\nA recommender system predicts the rating ",
                                                           "3.2", "; ", "\nTarget movie: ", "Title 2", "\nAnswer: "));
  EXPECT_THAT(rating("verbose", {.target = 1}),
              ElementsAre(kRate, "\nThe user's ratings: ", "\nTarget movie: ", "Title 1", "\nAnswer: "));
}

TEST_F(TemplateSourcesTest, ThePretrainingOfAStyleReadsItsHeadings) {
  const Templates compact(texts_, "compact");
  EXPECT_EQ(compact.liked_heading() + compact.ratings_heading(), "liked: ratings: ");
  EXPECT_THAT(compact.fixed_texts(), ::testing::UnorderedElementsAre(
                                         "; ", ": ", "similar: ", "similar ratings: ", "hint: ", "rank: ", "liked: ",
                                         "ratings: ", "predicted ", "target: ", "1", "2", "3", "4", "5"));
  const Templates verbose(texts_, "verbose");
  EXPECT_EQ(verbose.liked_heading() + verbose.ratings_heading(), "\nThe user liked: \nThe user's ratings: ");
  EXPECT_THAT(
      verbose.fixed_texts(),
      ::testing::UnorderedElementsAre(
          "; ", ": ", kRank, kRate, "\nA user with similar taste liked: ", "\nRatings of a user with similar taste: ",
          "\nA recommender system ranks them: ", "\nCandidate movies: ", "\nThe user liked: ", "\nThe user's ratings: ",
          "\nA recommender system predicts the rating ", "\nAnswer: ", "\nTarget movie: ", "1", "2", "3", "4", "5"));
}

TEST_F(TemplateSourcesTest, TheExamplesAreTheBuiltInStyles) {
  for (const char* style : {"compact", "verbose"}) {
    const auto read = read_templates(std::filesystem::path(LLAMA4REC_SOURCE_DIR) / "configs" / "templates" / style);
    const auto built_in = built_in_templates(style);
    EXPECT_EQ(read.ranking.text, built_in.ranking.text);
    EXPECT_EQ(read.rating.text, built_in.rating.text);
    EXPECT_EQ(read.fingerprint(), built_in.fingerprint());
  }
  EXPECT_NE(built_in_templates("compact").ranking.text, built_in_templates("verbose").ranking.text);
}

TEST_F(TemplateSourcesTest, FilesAreReadWhereAFolderIsGivenElseTheStyle) {
  write("gern: {{history}}[[ oder: {{candidates}}]]", "Noten: {{ratings}}{{target}} = ");
  PromptOptions options;
  options.style = "verbose";
  EXPECT_EQ(template_sources(options).fingerprint(), built_in_templates("verbose").fingerprint());
  options.templates = folder_.string();
  const Templates own(texts_, template_sources(options));
  EXPECT_THAT(own.ranking({.history = {0}, .candidates = {2, 1}, .similar_history = {3}, .hint = {1, 2}}).segments,
              ElementsAre("gern: ", "Title 0", "; ", " oder: ", "Title 2", "; ", "Title 1", "; "))
      << "what the template does not name is not shown";
  EXPECT_THAT(own.ranking({.history = {0}}).segments, ElementsAre("gern: ", "Title 0", "; "));
  EXPECT_THAT(own.rating({.history = {{0, 4}}, .target = 2}).segments,
              ElementsAre("Noten: ", "Title 0", ": ", "4", "; ", "Title 2", " = "));
  EXPECT_EQ(own.liked_heading(), "gern: ");
}

TEST_F(TemplateSourcesTest, TitlesAreNeverReadAsPlaceholders) {
  dataset_.item_titles[0] = "{{hint}}]]";
  const ItemTexts odd(dataset_);
  EXPECT_THAT(Templates(odd, "compact").ranking({.history = {0}}).segments, ElementsAre("liked: ", "{{hint}}]]", "; "));
}

TEST_F(TemplateSourcesTest, LineEndsAndAMarkOfTheByteOrderAreNoText) {
  write("\xEF\xBB\xBFone\r\nliked: {{history}}\r\n[[{{candidates}}]]\r\n", "ratings: {{ratings}}{{target}}:\n\n");
  const auto read = read_templates(folder_);
  EXPECT_EQ(read.ranking.text, "one\nliked: {{history}}\n[[{{candidates}}]]");
  EXPECT_EQ(read.rating.text, "ratings: {{ratings}}{{target}}:\n") << "one line end goes";
}

TEST_F(TemplateSourcesTest, TheFingerprintIsThatOfTheTextsAlone) {
  write("a {{history}}[[{{candidates}}]]", "b {{ratings}}{{target}}");
  const auto before = read_templates(folder_).fingerprint();
  EXPECT_EQ(before, read_templates(folder_ / "." / "").fingerprint());
  write("a {{history}}[[{{candidates}}]] ", "b {{ratings}}{{target}}");
  EXPECT_NE(before, read_templates(folder_).fingerprint());
  write("a {{history}}[[{{candidates}}]]", "c {{ratings}}{{target}}");
  EXPECT_NE(before, read_templates(folder_).fingerprint());
}

TEST_F(TemplateSourcesTest, FilesThatCannotBeReadAreToldByName) {
  const std::string good = "a {{history}}[[{{candidates}}]]";
  const std::string good_rating = "b {{ratings}}{{target}}";
  write(good, good_rating);
  EXPECT_EQ(refusal(), "accepted");
  write(good, "b\n{{ratings}} {{what}}");
  EXPECT_THAT(refusal(), StartsWith((folder_ / "rating.txt").string() + ":2:13: unknown placeholder {{what}}"));
  write(good + "\ncaf\xE9", good_rating);
  EXPECT_THAT(refusal(), StartsWith((folder_ / "ranking.txt").string() + ":2:4: byte 0xE9 is not UTF-8, expected"));
  write("", good_rating);
  EXPECT_THAT(refusal(), StartsWith((folder_ / "ranking.txt").string() + ": the file is empty, expected a template"));
  write(good + std::string(kLargestTemplate, 'x'), good_rating);
  EXPECT_THAT(refusal(), HasSubstr("bytes, expected a template (docs/prompts.md) of at most 65536"));
  write(good, good_rating);
  std::filesystem::remove(folder_ / "rating.txt");
  EXPECT_THAT(refusal(), StartsWith((folder_ / "rating.txt").string() + ": no such file, expected a template"));
  std::filesystem::create_directory(folder_ / "rating.txt");
  EXPECT_THAT(refusal(), HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace llama4rec::prompts
