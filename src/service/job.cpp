#include "service/job.h"

#include <chrono>
#include <utility>

namespace llama4rec::service {

void Job::add_piece(const TextPiece& piece) {
  const std::lock_guard lock(mutex_);
  if (piece_) {
    piece_->append(piece);
  } else {
    piece_ = piece;
  }
  changed_.notify_all();
}

void Job::finish(ApiAnswer answer) {
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
  changed_.notify_all();
}

void Job::fail(const ApiError& error) {
  const std::lock_guard lock(mutex_);
  error_ = error;
  changed_.notify_all();
}

std::optional<ApiAnswer> Job::wait(int milliseconds) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(milliseconds), [this] { return answer_ || error_; });
  if (error_) throw ApiError(*error_);
  return std::exchange(answer_, {});
}

Job::Progress Job::wait_for_progress(int milliseconds) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(milliseconds), [this] { return answer_ || error_ || piece_; });
  if (error_) throw ApiError(*error_);
  return {.piece = std::exchange(piece_, {}), .answer = answer_};
}

}  // namespace llama4rec::service
