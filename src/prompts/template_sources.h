// Where the templates of prompts come from: the two built-in styles, or a user's files.
#pragma once

#include <filesystem>
#include <string>

#include "data/source_text.h"
#include "prompts/prompt_options.h"

namespace llama4rec::prompts {

/// The text of both templates (template_text.h), without a byte order mark and a final line end; lines end with LF.
struct TemplateSources {
  data::SourceText ranking;
  data::SourceText rating;

  /// A hash of both texts.
  [[nodiscard]] std::string fingerprint() const;
};

/// The templates of a style: "compact" or "verbose". configs/templates/ has them as files.
TemplateSources built_in_templates(const std::string& style);

/// Reads `ranking.txt` and `rating.txt`. DataError where one is missing, empty, larger than `kLargestTemplate` or not UTF-8.
TemplateSources read_templates(const std::filesystem::path& folder);
inline constexpr std::size_t kLargestTemplate = 65536;  ///< bytes

/// The user's files (prompts.templates), else the style's.
TemplateSources template_sources(const PromptOptions& options);

}  // namespace llama4rec::prompts
