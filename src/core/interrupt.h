// Signals: SIGINT and SIGTERM ask for a stop, and long work checks at its resumable points; SIGXFSZ becomes an error of the write.
#pragma once

#include <string>

namespace llama4rec {

/// Installs the handlers. The first signal asks for a stop, the second one ends the process at once.
void install_interrupt_handlers();
/// A write beyond the file-size limit (ulimit -f) fails from now on, in place of ending the process.
void survive_file_size_limit();
/// A stop was asked for.
[[nodiscard]] bool interrupt_requested();
/// InterruptedError naming `where` if a stop was asked for, and what the same command does next. Call it where stopping loses nothing
/// that is stored.
void throw_if_interrupted(const std::string& where, const std::string& next = "resumes");
/// For tests.
void request_interrupt(bool requested);

}  // namespace llama4rec
