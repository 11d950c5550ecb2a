// Templates of prompts: text with placeholders on which the parts of a question are inserted.
//
//   [[similar: {{similar_history}}]][[rank: {{candidates}}]]liked: {{history}}
//
// A section [[...]] has exactly one part and is left out whole where that part has nothing to show. docs/prompts.md is for users.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/source_text.h"

namespace llama4rec::prompts {

/// What a prompt is put together from.
enum class Part {
  kText,            ///< a text of the template itself
  kHistory,         ///< ranking: the user's liked items
  kSimilarHistory,  ///< ranking: the most similar user's; may be none
  kCandidates,      ///< ranking: what is to be ranked; may be none
  kHint,            ///< ranking: the conventional model's order; may be none
  kRatings,         ///< rating: the user's rated items
  kSimilarRatings,  ///< rating: the most similar user's; may be none
  kPredicted,       ///< rating: the conventional model's prediction; may be none
  kTarget,          ///< rating: the item whose rating is asked for
};

/// A text, which is one segment of the prompt, or a part that is inserted.
struct TemplatePiece {
  Part part = Part::kText;
  std::string text;                ///< of kText, never empty
  std::optional<Part> shown_with;  ///< the section's part: nothing to show there, no piece; empty: always shown
};

using TemplatePieces = std::vector<TemplatePiece>;

enum class TemplateKind { kRanking, kRating };

/// Reads a template. `constants` are the values of the placeholders that are the same in every prompt ({{noun}}; of ratings also
/// {{lowest}} and {{highest}}); they become part of the text around them. Texts end at parts and at borders of sections. DataError
/// with line and column for what is unknown, not closed, in the wrong place or missing.
TemplatePieces parse_template(const data::SourceText& source, TemplateKind kind,
                              const std::map<std::string, std::string>& constants);

/// The last line of the text before {{history}} or {{ratings}}, such as "liked: ".
std::string heading_of(const TemplatePieces& pieces, Part part);

}  // namespace llama4rec::prompts
