#include "core/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <string_view>
#include <utility>

#include "core/progress_line.h"

namespace llama4rec {
namespace {

constexpr std::chrono::seconds kQuietTime{2};
constexpr std::chrono::milliseconds kRedrawTime{100};

// A switch of the whole process, as stderr is one thing of the whole process.
std::atomic<bool> silenced{false};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

bool visible() { return !silenced.load() && isatty(STDERR_FILENO) == 1; }

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1) return size.ws_col - std::size_t{1};
  return 79;
}

void put(std::string_view bytes) {
  // A bar that cannot be drawn is no reason to stop.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, bytes.data(), bytes.size());
}

}  // namespace

Progress::Progress(std::string label, std::int64_t total, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      start_(std::chrono::steady_clock::now()),
      last_draw_(start_) {}

Progress::~Progress() { finish(); }

void Progress::advance(std::int64_t count) { set(done_ + count); }

void Progress::set(std::int64_t done) {
  done_ = done;
  draw(false);
}

void Progress::note(const std::string& text) {
  note_ = text;
  draw(false);
}

void Progress::finish() {
  if (std::exchange(finished_, true)) return;
  if (shown_) put("\r\x1b[K");
}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::silence(bool silent) { silenced.store(silent); }

void Progress::draw(bool force) {
  const auto now = std::chrono::steady_clock::now();
  if (finished_ || now - start_ < kQuietTime || (!force && shown_ && now - last_draw_ < kRedrawTime)) return;
  if (!visible()) return;
  last_draw_ = now;
  shown_ = true;
  const ProgressState state{
      .label = label_, .unit = unit_, .note = note_, .done = done_, .total = total_, .seconds = seconds()};
  put("\r" + progress_line(state, terminal_width()) + "\x1b[K");
}

}  // namespace llama4rec
