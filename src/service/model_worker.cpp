#include "service/model_worker.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/log.h"

namespace llama4rec::service {
namespace {

/// Tokens of a streamed text between two batches.
constexpr std::int64_t kSlice = 16;
constexpr const char* kReplacement = "\xEF\xBF\xBD";

ApiError stopping_error() { return {503, "the server is stopping"}; }

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Text that is streamed or whose tokens' log-probabilities are told. What is sampled is drawn in one go.
bool is_continued(const ApiRequest& request) {
  return !request.bound() && request.completion.sampling.temperature == 0 &&
         (request.stream || request.log_probabilities || !request.prompt_tokens.empty());
}

}  // namespace

ModelWorker::ModelWorker(ServedModel& model, const WorkerLimits& limits, Metrics& metrics)
    : model_(model), limits_(limits), metrics_(metrics), thread_([this] { work(); }) {}

ModelWorker::~ModelWorker() { stop(); }

std::shared_ptr<Job> ModelWorker::submit(ApiRequest request) {
  auto job = std::make_shared<Job>(std::move(request));
  const std::lock_guard lock(mutex_);
  if (draining_ || stopping_) throw stopping_error();
  if (static_cast<std::int64_t>(waiting_.size()) >= limits_.queue) {
    throw ApiError(429, fmt::format("{} requests are waiting already", waiting_.size()), "", "queue_full");
  }
  waiting_.push_back(job);
  metrics_.set_waiting(static_cast<std::int64_t>(waiting_.size()));
  changed_.notify_all();
  return job;
}

std::int64_t ModelWorker::retry_after() const {
  const double batches = static_cast<double>(limits_.queue) / static_cast<double>(limits_.batch);
  constexpr double kMost = 60;
  return static_cast<std::int64_t>(std::ceil(std::clamp(batches * metrics_.batch_seconds(), 1.0, kMost)));
}

bool ModelWorker::drain(double seconds) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  return changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                           [this] { return waiting_.empty() && running_ == 0; });
}

void ModelWorker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool ModelWorker::take(std::vector<std::shared_ptr<Job>>& begun) {
  std::unique_lock lock(mutex_);
  running_ = static_cast<std::int64_t>(continuing_.size());
  metrics_.set_running(running_);
  if (waiting_.empty() && running_ == 0) changed_.notify_all();  // for whoever drains
  changed_.wait(lock, [this] { return stopping_ || !waiting_.empty() || !continuing_.empty(); });
  if (stopping_) {
    for (const auto& job : waiting_) job->fail(stopping_error());
    for (const auto& job : continuing_) job->fail(stopping_error());
    return false;
  }
  while (!waiting_.empty() && static_cast<std::int64_t>(begun.size() + continuing_.size()) < limits_.batch) {
    begun.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  running_ += static_cast<std::int64_t>(begun.size());
  metrics_.set_waiting(static_cast<std::int64_t>(waiting_.size()));
  metrics_.set_running(running_);
  return true;
}

void ModelWorker::work() {
  for (std::vector<std::shared_ptr<Job>> begun; take(begun); begun.clear()) {
    const auto start = std::chrono::steady_clock::now();
    const auto count = static_cast<std::int64_t>(begun.size() + continuing_.size());
    std::vector<std::shared_ptr<Job>> batch;
    for (auto& job : begun) {
      if (job->abandoned || !prepare(*job)) continue;
      (is_continued(job->request) ? continuing_ : batch).push_back(std::move(job));
    }
    if (!batch.empty()) answer_batch(batch);
    std::erase_if(continuing_, [this](const auto& job) { return job->abandoned || proceed(*job); });
    metrics_.count_batch(count, seconds_since(start));
  }
}

bool ModelWorker::prepare(Job& job) {
  try {
    auto& request = job.request;
    job.prompt = request.prompt_tokens.empty() ? model_.encode(request.completion.prompt) : request.prompt_tokens;
    const auto tokens = static_cast<std::int64_t>(job.prompt.size());
    const auto most = limits_.prompt_tokens > 0 ? limits_.prompt_tokens : model_.context_length();
    if (tokens > most) {
      job.fail(ApiError(400, fmt::format("the prompt has {} tokens, expected at most {}", tokens, most), "prompt",
                        "context_length_exceeded"));
      return false;
    }
    if (!request.limit_given) {
      const auto room = std::max<std::int64_t>(1, model_.context_length() - tokens);
      request.completion.maximum_tokens = std::min(request.completion.maximum_tokens, room);
    }
    const auto together = tokens + (request.bound() ? 0 : request.completion.maximum_tokens);
    if (together > model_.context_length()) {
      job.fail(ApiError(400,
                        fmt::format("{} tokens of prompt and answer are asked for, the context holds {}", together,
                                    model_.context_length()),
                        "max_tokens", "context_length_exceeded"));
      return false;
    }
    return true;
  } catch (const std::exception& problem) {
    log::error("{}", problem.what());
    job.fail(ApiError(500, "the prompt cannot be read"));
    return false;
  }
}

std::vector<Completion> ModelWorker::complete(const std::vector<std::shared_ptr<Job>>& batch) {
  std::vector<CompletionRequest> requests;
  requests.reserve(batch.size());
  for (const auto& job : batch) requests.push_back(job->request.completion);
  while (true) {
    try {
      return model_.complete(requests);
    } catch (const InterruptedError&) {
      // The signal asks the program to stop: what runs is finished first, unless there was a second one.
      if (stopping_) throw;
      constexpr auto kPause = std::chrono::milliseconds(10);
      std::this_thread::sleep_for(kPause);
    }
  }
}

void ModelWorker::answer_batch(std::vector<std::shared_ptr<Job>>& batch) {
  try {
    auto completions = complete(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) finish_completed(*batch[i], std::move(completions.at(i)));
  } catch (const UsageError& problem) {
    if (batch.size() == 1) {
      batch.front()->fail(ApiError(400, problem.what()));
      return;
    }
    for (auto& job : batch) {  // the others shall not suffer
      std::vector<std::shared_ptr<Job>> alone{job};
      answer_batch(alone);
    }
  } catch (const InterruptedError&) {
    for (auto& job : batch) job->fail(stopping_error());
  } catch (const std::exception& problem) {
    log::error("{}", problem.what());
    for (auto& job : batch) job->fail(ApiError(500, "the model failed; the server's log tells more"));
  }
}

void ModelWorker::finish_completed(Job& job, Completion completion) {
  metrics_.count_tokens(completion.prompt_tokens, completion.answer_tokens);
  ApiAnswer answer{.text = render_answer(job.request, completion),
                   .prompt_tokens = completion.prompt_tokens,
                   .answer_tokens = completion.answer_tokens};
  const bool cut = !job.request.bound() && completion.answer_tokens >= job.request.completion.maximum_tokens;
  if (cut) answer.finish_reason = "length";
  answer.completion = std::move(completion);
  if (job.request.stream) job.add_piece(answer.text);
  job.finish(std::move(answer));
}

bool ModelWorker::proceed(Job& job) {
  try {
    const auto maximum = job.request.completion.maximum_tokens;
    const auto left = maximum - static_cast<std::int64_t>(job.written.size());
    const auto wanted = job.request.stream ? std::min(left, kSlice) : left;
    std::vector<std::int32_t> tokens = job.prompt;
    tokens.insert(tokens.end(), job.written.begin(), job.written.end());
    const auto next = model_.proceed(tokens, wanted);
    job.written.insert(job.written.end(), next.tokens.begin(), next.tokens.end());
    job.log_probabilities.insert(job.log_probabilities.end(), next.log_probabilities.begin(),
                                 next.log_probabilities.end());
    const bool ended = static_cast<std::int64_t>(next.tokens.size()) < wanted;
    const bool finished = ended || static_cast<std::int64_t>(job.written.size()) >= maximum;
    auto text = model_.decode(job.written);
    if (job.request.stream) {
      std::size_t whole = text.size();
      // A character whose bytes are not all there yet waits for them.
      if (!finished && std::string_view(text).ends_with(kReplacement)) whole -= std::string_view(kReplacement).size();
      if (whole > job.sent) {
        job.add_piece(text.substr(job.sent, whole - job.sent));
        job.sent = whole;
      }
    }
    if (!finished) return false;
    ApiAnswer answer{.text = std::move(text),
                     .finish_reason = ended ? "stop" : "length",
                     .prompt_tokens = static_cast<std::int64_t>(job.prompt.size()),
                     .answer_tokens = static_cast<std::int64_t>(job.written.size()) + (ended ? 1 : 0)};
    metrics_.count_tokens(answer.prompt_tokens, answer.answer_tokens);
    if (job.request.log_probabilities) {
      for (const auto& token : job.written) answer.token_texts.push_back(model_.decode({&token, 1}));
      answer.token_log_probabilities = job.log_probabilities;
    }
    job.finish(std::move(answer));
  } catch (const UsageError& problem) {
    job.fail(ApiError(400, problem.what()));
  } catch (const std::exception& problem) {
    log::error("{}", problem.what());
    job.fail(ApiError(500, "the model failed; the server's log tells more"));
  }
  return true;
}

}  // namespace llama4rec::service
