// A document's blocks as HTML.
#pragma once

#include <string>

#include "report/document.h"

namespace llama4rec::report {

/// What blocks of one page share.
struct BlockContext {
  bool with_charts = false;  ///< plots get a place for the chart
  int charts = 0;            ///< how many places there are so far
};

/// The HTML of one element of `blocks`.
std::string render_block(const Node& block, BlockContext& context);

/// A text as paragraphs: an empty line ends one.
std::string paragraphs(std::string_view text);

}  // namespace llama4rec::report
