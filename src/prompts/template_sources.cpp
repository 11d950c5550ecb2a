#include "prompts/template_sources.h"

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "data/delimited.h"

namespace llama4rec::prompts {
namespace {

constexpr const char* kCompactRanking =
    "[[similar: {{similar_history}}]][[hint: {{hint}}]][[rank: {{candidates}}]]liked: {{history}}";

constexpr const char* kCompactRating =
    "[[similar ratings: {{similar_ratings}}]]ratings: {{ratings}}[[predicted {{predicted}}target: ]]{{target}}: ";

constexpr const char* kVerboseRanking =
    "Below is a user's interaction history. Rank the candidate {{noun}}s by how likely the user is to like them next, "
    "best first. Answer with the titles of all candidates, separated by \"; \".\n"
    "[[\nA user with similar taste liked: {{similar_history}}]]"
    "[[\nThe user liked: {{history}}]]"
    "[[\nCandidate {{noun}}s: {{candidates}}]]"
    "[[\nA recommender system ranks them: {{hint}}]]\n"
    "Answer: ";

constexpr const char* kVerboseRating =
    "Below is a user's rating history. Predict the user's rating of the target {{noun}} on the scale from {{lowest}} "
    "to {{highest}}. Answer with the rating only.\n"
    "[[\nRatings of a user with similar taste: {{similar_ratings}}]]\n"
    "The user's ratings: {{ratings}}"
    "[[\nA recommender system predicts the rating {{predicted}}]]\n"
    "Target {{noun}}: {{target}}\n"
    "Answer: ";

data::SourceText read_template(const std::filesystem::path& file) {
  const std::string expected = "a template (docs/prompts.md)";
  std::error_code error;
  if (const auto size = std::filesystem::file_size(file, error); !error && size > kLargestTemplate) {
    throw DataError(FileLocation{.file = file.string()},
                    fmt::format("{} bytes, expected {} of at most {}", size, expected, kLargestTemplate));
  }
  auto source = data::read_source(file, expected);
  data::require_utf8(source, "a template in UTF-8");
  std::string& text = source.text;
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  for (std::size_t at = text.find("\r\n"); at != std::string::npos; at = text.find("\r\n", at)) text.erase(at, 1);
  if (text.ends_with('\n')) text.pop_back();
  return source;
}

}  // namespace

std::string TemplateSources::fingerprint() const {
  // Not under the files' names: only what they say counts.
  const data::SourceText one{.name = "ranking", .text = ranking.text};
  const data::SourceText other{.name = "rating", .text = rating.text};
  return data::source_hash({&one, &other});
}

TemplateSources built_in_templates(const std::string& style) {
  const bool verbose = style == "verbose";
  return {.ranking = {.name = style + "/ranking", .text = verbose ? kVerboseRanking : kCompactRanking},
          .rating = {.name = style + "/rating", .text = verbose ? kVerboseRating : kCompactRating}};
}

TemplateSources read_templates(const std::filesystem::path& folder) {
  return {.ranking = read_template(folder / "ranking.txt"), .rating = read_template(folder / "rating.txt")};
}

TemplateSources template_sources(const PromptOptions& options) {
  return options.templates.empty() ? built_in_templates(options.style) : read_templates(options.templates);
}

}  // namespace llama4rec::prompts
