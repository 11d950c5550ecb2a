// A request on its way through the model: the HTTP thread waits, the model's thread works.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
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
  void add_piece(const std::string& text);
  void finish(ApiAnswer answer);
  void fail(const ApiError& error);

  /// What an HTTP thread gets. ApiError where the job failed.
  ApiAnswer wait();
  struct Progress {
    std::string text;                 ///< new pieces
    std::optional<ApiAnswer> answer;  ///< the end, once all pieces are taken
  };
  /// What is new within `milliseconds`. ApiError where the job failed.
  Progress wait_for_progress(int milliseconds);

  // The model's thread alone: how far a free text has come.
  std::vector<std::int32_t> prompt;
  std::vector<std::int32_t> written;
  std::vector<double> log_probabilities;
  std::size_t sent = 0;  ///< bytes

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string pieces_;
  std::optional<ApiAnswer> answer_;
  std::optional<ApiError> error_;
};

}  // namespace llama4rec::service
