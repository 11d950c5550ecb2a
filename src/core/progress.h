// Progress with rate and time left, for anything over two seconds; silent when stderr is no terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace llama4rec {

/// A bar on stderr. Thread-compatible: one thread advances it.
class Progress {
 public:
  /// `total` 0 = unknown. `unit` is shown behind the rate: "epochs", "prompts".
  Progress(std::string label, std::int64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  Progress(Progress&&) = delete;
  Progress& operator=(Progress&&) = delete;

  void advance(std::int64_t count = 1);
  void set(std::int64_t done);
  /// Text behind the bar, such as a loss.
  void note(const std::string& text);
  /// Removes the bar from the terminal.
  void finish();
  [[nodiscard]] double seconds() const;

  /// Switches all bars off (`--json`, tests).
  static void silence(bool silent);

 private:
  void draw(bool force);
  std::string label_;
  std::string unit_;
  std::string note_;
  std::int64_t total_;
  std::int64_t done_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_draw_;
  bool shown_ = false;
  bool finished_ = false;
};

}  // namespace llama4rec
