#include <llama4rec/error.h>

namespace llama4rec {

int exit_status(ErrorCategory category) {
  switch (category) {
    case ErrorCategory::kUsage:
      return 2;
    case ErrorCategory::kData:
      return 3;
    case ErrorCategory::kRemote:
      return 4;
    case ErrorCategory::kInternal:
      return 5;
    case ErrorCategory::kInterrupted:
      return 130;
  }
  return 5;
}

std::string to_string(const FileLocation& location) {
  std::string text = location.file;
  if (location.line == 0) return text;
  text += ":" + std::to_string(location.line);
  if (location.column != 0) text += ":" + std::to_string(location.column);
  return text;
}

}  // namespace llama4rec
