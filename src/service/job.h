// A request on its way through the model: the HTTP thread waits, the model's thread works.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "service/api_error.h"
#include "service/api_request.h"
#include "service/api_response.h"

namespace llama4rec::service {

class Job {
 public:
  explicit Job(ApiRequest request_given) : request(std::move(request_given)) {}

  ApiRequest request;                   ///< the model's thread may shorten its limit before it begins
  std::atomic<bool> abandoned = false;  ///< the client has gone

  /// The model's thread: a piece of a streamed text; the end; the end without an answer.
  void add_piece(const TextPiece& piece);
  void finish(ApiAnswer answer);
  void fail(const ApiError& error);

  /// What an HTTP thread gets. The answer, once, if it is there within `milliseconds`. ApiError where the job failed.
  std::optional<ApiAnswer> wait(int milliseconds);
  struct Progress {
    std::optional<TextPiece> piece;   ///< all that is new
    std::optional<ApiAnswer> answer;  ///< the end, once all pieces are taken
  };
  /// What is new within `milliseconds`. ApiError where the job failed.
  Progress wait_for_progress(int milliseconds);

  // The model's thread alone: how far a free text has come.
  std::chrono::steady_clock::time_point begun;
  std::vector<std::int32_t> prompt;
  std::vector<std::int32_t> written;
  TextPiece told;               ///< of what is sent as a whole: its tokens
  std::size_t sent = 0;         ///< bytes of the text
  std::size_t token_bytes = 0;  ///< of the texts of the tokens that were told

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<TextPiece> piece_;
  std::optional<ApiAnswer> answer_;
  std::optional<ApiError> error_;
};

}  // namespace llama4rec::service
