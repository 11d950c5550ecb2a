// The program: parses the command line, runs one command, turns errors into one line and an exit status.
#pragma once

namespace llama4rec::apps {

/// Returns the exit status (see ErrorCategory; 0 done).
int run_program(int argument_count, char** arguments);

}  // namespace llama4rec::apps
