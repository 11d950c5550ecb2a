// Text files that the `llm` commands learn from.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "llm/training_text.h"

namespace llama4rec::apps {

/// One text per line; a carriage return before the line's end and empty lines are left out. DataError when nothing is left.
std::vector<std::string> read_text_lines(const std::filesystem::path& file);

/// Instructions as JSON lines in Alpaca's form: "instruction", "input" (may be missing or empty), "output". The prompt is
/// instruction, a line feed and input; then a line feed; the output is learned. DataError with file and line for anything else.
std::vector<llm::TrainingText> read_instructions(const std::filesystem::path& file);

}  // namespace llama4rec::apps
