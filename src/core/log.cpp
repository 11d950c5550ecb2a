#include "core/log.h"

#include <unistd.h>

#include <utility>

#include <spdlog/sinks/stdout_color_sinks.h>

#include <llama4rec/error.h>

namespace llama4rec::log {
namespace {

spdlog::level::level_enum parse_level(const std::string& level) {
  static constexpr std::pair<const char*, spdlog::level::level_enum> kLevels[] = {
      {"trace", spdlog::level::trace},  {"debug", spdlog::level::debug}, {"info", spdlog::level::info},
      {"warning", spdlog::level::warn}, {"error", spdlog::level::err},   {"off", spdlog::level::off}};
  for (const auto& [name, value] : kLevels) {
    if (level == name) return value;
  }
  throw UsageError("log level '" + level + "' is unknown; expected trace, debug, info, warning, error or off");
}

}  // namespace

void configure(const std::string& level) {
  const auto parsed = parse_level(level);
  auto logger = std::make_shared<spdlog::logger>("llama4rec", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  // On a terminal a message first wipes a progress bar from its line; the bar draws itself again later.
  const std::string wipe = isatty(STDERR_FILENO) == 1 ? "\r\x1b[K" : "";
  logger->set_pattern(wipe + "%H:%M:%S %^%l%$ %v");
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace llama4rec::log
