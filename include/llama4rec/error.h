// Errors: one small hierarchy, thrown with the facts, caught once at the top of the program.
#pragma once

#include <stdexcept>
#include <string>

namespace llama4rec {

/// What went wrong, in the terms of the program's exit status.
enum class ErrorCategory {
  kUsage,        ///< wrong command line or configuration: exit status 2
  kData,         ///< bad input data: exit status 3
  kRemote,       ///< a remote service failed: exit status 4
  kInternal,     ///< a defect of this program or of the machine: exit status 5
  kInterrupted,  ///< stopped by a signal at a resumable point: exit status 130
};

/// The exit status of the program for a category (2, 3, 4, 5 or 130).
int exit_status(ErrorCategory category);

/// Base of every error this library throws. `what()` is one line: what, where, what was expected.
class Error : public std::runtime_error {
 public:
  Error(ErrorCategory category, const std::string& message) : std::runtime_error(message), category_(category) {}
  [[nodiscard]] ErrorCategory category() const { return category_; }

 private:
  ErrorCategory category_;
};

/// Wrong command line or configuration.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error(ErrorCategory::kUsage, message) {}
};

/// A place in an input file; zero for an unknown line or column (both count from 1).
struct FileLocation {
  std::string file;
  std::size_t line = 0;
  std::size_t column = 0;
};

/// `file:line:column`, leaving out what is unknown.
std::string to_string(const FileLocation& location);

/// Bad input data.
class DataError : public Error {
 public:
  explicit DataError(const std::string& message) : Error(ErrorCategory::kData, message) {}
  DataError(const FileLocation& location, const std::string& message)
      : Error(ErrorCategory::kData, to_string(location) + ": " + message) {}
};

/// A remote service failed.
class RemoteError : public Error {
 public:
  explicit RemoteError(const std::string& message) : Error(ErrorCategory::kRemote, message) {}
};

/// A defect of this program or a failing machine (disk full, write error).
class InternalError : public Error {
 public:
  explicit InternalError(const std::string& message) : Error(ErrorCategory::kInternal, message) {}
};

/// A signal asked the program to stop; what was finished is stored and the same command resumes it.
class InterruptedError : public Error {
 public:
  explicit InterruptedError(const std::string& message) : Error(ErrorCategory::kInterrupted, message) {}
};

}  // namespace llama4rec
