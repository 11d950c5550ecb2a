// Files that the build embeds: our style sheet and script from src/report/web, the charting library from npm.
#pragma once

#include <string_view>

namespace llama4rec::report {

/// What a page is made of beside the document.
struct Assets {
  std::string_view style;   ///< CSS
  std::string_view script;  ///< JavaScript of ours: draws the plots, follows the reader in the contents
  std::string_view charts;  ///< the charting library, its licences first; empty where the build had no npm
};

/// Written by cmake/EmbedFile.cmake into the build folder.
std::string_view embedded_style();
std::string_view embedded_script();
std::string_view embedded_charts();

}  // namespace llama4rec::report
