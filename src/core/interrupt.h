// SIGINT and SIGTERM ask for a stop; long work checks at its resumable points.
#pragma once

#include <string>

namespace llama4rec {

/// Installs the handlers. The first signal asks for a stop, the second one ends the process at once.
void install_interrupt_handlers();
/// A stop was asked for.
[[nodiscard]] bool interrupt_requested();
/// InterruptedError naming `where` if a stop was asked for, and what the same command does next. Call it where stopping loses nothing
/// that is stored.
void throw_if_interrupted(const std::string& where, const std::string& next = "resumes");
/// For tests.
void request_interrupt(bool requested);

}  // namespace llama4rec
