// The one thread that runs the model: takes what waits in the queue as batches.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "service/job.h"
#include "service/metrics.h"
#include "service/served_model.h"

namespace llama4rec::service {

struct WorkerLimits {
  std::int64_t queue = 64;
  std::int64_t batch = 32;
  std::int64_t prompt_tokens = 0;  ///< 0 = the context
};

/// Bound answers and plain free text are answered in batches; free text that is streamed, or whose log-probabilities are asked for, is
/// continued some tokens at a time between the batches, so that a long one does not hold up the others.
class ModelWorker {
 public:
  /// The model and the metrics must outlive it.
  ModelWorker(ServedModel& model, const WorkerLimits& limits, Metrics& metrics);
  /// Ends what is running as `stop` does.
  ~ModelWorker();
  ModelWorker(const ModelWorker&) = delete;
  ModelWorker& operator=(const ModelWorker&) = delete;
  ModelWorker(ModelWorker&&) = delete;
  ModelWorker& operator=(ModelWorker&&) = delete;

  /// ApiError: 429 where the queue is full, 503 while it drains.
  std::shared_ptr<Job> submit(ApiRequest request);
  /// Seconds after which a refused client may try again.
  [[nodiscard]] std::int64_t retry_after() const;
  /// From now on new jobs are refused; returns true once all others are finished, false where `seconds` were not enough.
  bool drain(double seconds);
  /// What is not finished fails with status 503.
  void stop();

 private:
  void work();
  /// Waits for work; the jobs to begin with. False: the thread shall end.
  bool take(std::vector<std::shared_ptr<Job>>& begun);
  /// Encodes and checks a new job; false where it was refused.
  bool prepare(Job& job);
  void answer_batch(std::vector<std::shared_ptr<Job>>& batch);
  std::vector<Completion> complete(const std::vector<std::shared_ptr<Job>>& batch);
  void finish_completed(Job& job, Completion completion);
  /// Some tokens more; true when the job is finished.
  bool proceed(Job& job);

  ServedModel& model_;
  WorkerLimits limits_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> waiting_;
  std::vector<std::shared_ptr<Job>> continuing_;  ///< touched by the model's thread alone
  std::int64_t running_ = 0;
  bool draining_ = false;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace llama4rec::service
