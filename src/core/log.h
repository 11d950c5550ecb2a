// Logging to stderr through spdlog. Levels: trace, debug, info, warning, error, off.
#pragma once

#include <string>

#include <spdlog/spdlog.h>

namespace llama4rec::log {

/// Sets up the logger: stderr, time and level before the message. UsageError for an unknown level.
void configure(const std::string& level);

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

}  // namespace llama4rec::log
