// The page around the blocks.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "report/assets.h"

namespace llama4rec::report {

/// As `render`, from the given assets. The page's content security policy names the hash of each script and of the
/// style sheet: a browser runs and applies nothing else, and loads nothing.
std::string render_page(const nlohmann::json& document, const Assets& assets);

}  // namespace llama4rec::report
