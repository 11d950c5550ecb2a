// The one thread that runs the model: what waits joins what runs between two steps of the model.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
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
  std::int64_t batch = 32;         ///< most requests that are answered at a time
  std::int64_t prompt_tokens = 0;  ///< 0 = the context
};

/// Requests join and leave while others are answered, so that a long text does not hold up the others. One that was abandoned leaves the
/// queue or the model before the next step, and what it held is free.
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
  /// Takes out of the queue what nobody waits for; with the lock held.
  void forget_abandoned();
  /// Encodes, checks and hands over a new job, or refuses it.
  void begin(const std::shared_ptr<Job>& job);
  /// ApiError where the job asks for more than it may.
  void check(Job& job) const;
  /// One step of the model, and what came of it.
  void step();
  void proceed(Job& job, llm::AnswerProgress& news);
  void finish(Job& job, Completion completion, bool ended);

  ServedModel& model_;
  WorkerLimits limits_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> waiting_;
  std::map<std::int64_t, std::shared_ptr<Job>> begun_;  ///< by the model's number; touched by the model's thread alone
  std::int64_t running_ = 0;
  bool draining_ = false;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace llama4rec::service
