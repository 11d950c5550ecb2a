// Tables: read strictly, written with digits below digits.
#pragma once

#include <string>
#include <string_view>

#include "report/document.h"

namespace llama4rec::report {

/// The HTML of a block of type "table". In right-aligned columns, marks of significance at a cell's end (* † ‡) hang
/// beside the number.
std::string render_table(const Node& block);

/// Wide `content` scrolls on its own, within reach of the keyboard; `label` names it to screen readers.
std::string scrolling(std::string_view label, std::string_view content);

}  // namespace llama4rec::report
