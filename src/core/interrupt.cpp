#include "core/interrupt.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction is POSIX
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <llama4rec/error.h>

namespace llama4rec {
namespace {

// A signal handler can reach nothing but a global.
std::atomic<bool> requested_stop{false};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

// Only functions that are async-signal-safe: write, _exit.
void handle_signal(int /*signal*/) {
  const int saved_errno = errno;
  if (requested_stop.exchange(true)) _exit(exit_status(ErrorCategory::kInterrupted));
  constexpr std::string_view kMessage =
      "\nllama4rec: stopping at the next resumable point; once more to stop at once\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, kMessage.data(), kMessage.size());
  errno = saved_errno;
}

}  // namespace

void install_interrupt_handlers() {
  struct sigaction action {};
  action.sa_handler = handle_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) {
    if (sigaction(signal, &action, nullptr) != 0) {
      throw InternalError(std::string("cannot install the handler of a signal: ") + std::strerror(errno));
    }
  }
}

void survive_file_size_limit() {
  if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR) {
    throw InternalError(std::string("cannot ignore a signal: ") + std::strerror(errno));
  }
}

bool interrupt_requested() { return requested_stop.load(std::memory_order_relaxed); }

void throw_if_interrupted(const std::string& where, const std::string& next) {
  if (interrupt_requested()) throw InterruptedError("interrupted " + where + "; the same command " + next);
}

void request_interrupt(bool requested) { requested_stop.store(requested); }

}  // namespace llama4rec
