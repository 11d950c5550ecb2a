// docs/options.md, made from the option table.
#pragma once

#include <string>

#include "config/configuration.h"

namespace llama4rec::config {

/// The page: one table per section, a row per option.
std::string options_markdown(const OptionTable& table);

}  // namespace llama4rec::config
