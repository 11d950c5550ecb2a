#include "service/model_worker.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/log.h"
#include "core/seconds_since.h"

namespace llama4rec::service {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

ApiError stopping_error() { return {503, "the server is stopping"}; }

/// The length of a text without characters whose bytes are not all there yet.
std::size_t whole_characters(std::string_view text) {
  while (text.ends_with(kReplacement)) text.remove_suffix(kReplacement.size());
  return text.size();
}

}  // namespace

ModelWorker::ModelWorker(ServedModel& model, const WorkerLimits& limits, Metrics& metrics)
    : model_(model), limits_(limits), metrics_(metrics), thread_([this] { work(); }) {}

ModelWorker::~ModelWorker() { stop(); }

std::shared_ptr<Job> ModelWorker::submit(ApiRequest request) {
  auto job = std::make_shared<Job>(std::move(request));
  const std::lock_guard lock(mutex_);
  if (draining_ || stopping_) throw stopping_error();
  forget_abandoned();  // they hold no place against a client that is there
  if (static_cast<std::int64_t>(waiting_.size()) >= limits_.queue) {
    throw ApiError(429, fmt::format("{} requests are waiting already", waiting_.size()), "", "queue_full");
  }
  waiting_.push_back(job);
  metrics_.set_waiting(static_cast<std::int64_t>(waiting_.size()));
  changed_.notify_all();
  return job;
}

std::int64_t ModelWorker::retry_after() const {
  const double rounds = static_cast<double>(limits_.queue) / static_cast<double>(limits_.batch);
  constexpr double kMost = 60;
  return static_cast<std::int64_t>(std::ceil(std::clamp(rounds * metrics_.answer_seconds(), 1.0, kMost)));
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
  running_ = static_cast<std::int64_t>(begun_.size());
  metrics_.set_running(running_);
  if (waiting_.empty() && running_ == 0) changed_.notify_all();  // for whoever drains
  changed_.wait(lock, [this] { return stopping_ || !waiting_.empty() || !begun_.empty(); });
  if (stopping_) {
    for (const auto& job : waiting_) job->fail(stopping_error());
    for (const auto& [number, job] : begun_) {
      model_.cancel(number);
      job->fail(stopping_error());
    }
    return false;
  }
  forget_abandoned();
  while (!waiting_.empty() && static_cast<std::int64_t>(begun.size() + begun_.size()) < limits_.batch) {
    begun.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  running_ += static_cast<std::int64_t>(begun.size());
  metrics_.set_waiting(static_cast<std::int64_t>(waiting_.size()));
  metrics_.set_running(running_);
  return true;
}

void ModelWorker::forget_abandoned() {
  const auto forgotten = std::erase_if(waiting_, [](const auto& job) { return job->abandoned.load(); });
  metrics_.count_given_up(static_cast<std::int64_t>(forgotten));
  metrics_.set_waiting(static_cast<std::int64_t>(waiting_.size()));
}

void ModelWorker::work() {
  for (std::vector<std::shared_ptr<Job>> taken; take(taken); taken.clear()) {
    for (const auto& job : taken) begin(job);
    std::erase_if(begun_, [this](const auto& it) {
      if (!it.second->abandoned) return false;
      model_.cancel(it.first);
      metrics_.count_given_up(1);
      return true;
    });
    if (!begun_.empty()) step();
  }
}

void ModelWorker::begin(const std::shared_ptr<Job>& job) {
  try {
    auto& request = job->request;
    job->begun = std::chrono::steady_clock::now();
    job->prompt = request.prompt_tokens.empty() ? model_.encode(request.completion.prompt) : request.prompt_tokens;
    check(*job);
    begun_.emplace(model_.begin(request.completion, job->prompt), job);
  } catch (const ApiError& error) {
    job->fail(error);
  } catch (const UsageError& problem) {
    job->fail(ApiError(400, problem.what()));
  } catch (const std::exception& problem) {
    log::error("{}", problem.what());
    job->fail(ApiError(500, "the prompt cannot be read"));
  }
}

void ModelWorker::check(Job& job) const {
  auto& request = job.request;
  const auto tokens = static_cast<std::int64_t>(job.prompt.size());
  const auto most = limits_.prompt_tokens > 0 ? limits_.prompt_tokens : model_.context_length();
  if (tokens > most) {
    throw ApiError(400, fmt::format("the prompt has {} tokens, expected at most {}", tokens, most), "prompt",
                   "context_length_exceeded");
  }
  if (!request.limit_given) {
    const auto room = std::max<std::int64_t>(1, model_.context_length() - tokens);
    request.completion.maximum_tokens = std::min(request.completion.maximum_tokens, room);
  }
  const auto together = tokens + (request.bound() ? 0 : request.completion.maximum_tokens);
  if (together > model_.context_length()) {
    throw ApiError(400,
                   fmt::format("{} tokens of prompt and answer are asked for, the context holds {}", together,
                               model_.context_length()),
                   "max_tokens", "context_length_exceeded");
  }
}

void ModelWorker::step() {
  metrics_.count_step(static_cast<std::int64_t>(begun_.size()));
  try {
    for (auto& news : model_.step()) {
      const auto found = begun_.find(news.request);
      if (found == begun_.end()) continue;
      proceed(*found->second, news);
      if (news.answer) begun_.erase(found);
    }
  } catch (const InterruptedError&) {
    // The signal asks the program to stop: what runs is finished first, unless there was a second one, which `take` sees.
    constexpr auto kPause = std::chrono::milliseconds(10);
    std::this_thread::sleep_for(kPause);
  } catch (const std::exception& problem) {
    log::error("{}", problem.what());
    for (const auto& [number, job] : begun_) {
      model_.cancel(number);
      job->fail(ApiError(500, "the model failed; the server's log tells more"));
    }
    begun_.clear();
  }
}

void ModelWorker::proceed(Job& job, llm::AnswerProgress& news) {
  const auto& request = job.request;
  job.written.insert(job.written.end(), news.tokens.begin(), news.tokens.end());
  TextPiece piece{.text = {}, .token_texts = {}, .token_log_probabilities = {}, .text_offset = job.token_bytes};
  if (request.log_probabilities) {
    for (const auto token : news.tokens) {
      piece.token_texts.push_back(model_.decode({&token, 1}));
      job.token_bytes += piece.token_texts.back().size();
    }
    piece.token_log_probabilities = std::move(news.log_probabilities);
  }
  if (request.stream && !request.bound()) {
    const auto text = model_.decode(job.written);
    const auto whole = news.answer ? text.size() : whole_characters(text);
    if (whole > job.sent) {
      piece.text = text.substr(job.sent, whole - job.sent);
      job.sent = whole;
    }
    if (!piece.text.empty() || !piece.token_texts.empty()) job.add_piece(piece);
  } else {
    job.told.append(piece);
  }
  if (news.answer) finish(job, std::move(*news.answer), news.ended);
}

void ModelWorker::finish(Job& job, Completion completion, bool ended) {
  metrics_.count_answer(completion.prompt_tokens, completion.answer_tokens, seconds_since(job.begun));
  ApiAnswer answer{.piece = std::move(job.told),
                   .finish_reason = job.request.bound() || ended ? "stop" : "length",
                   .completion = {},
                   .prompt_tokens = completion.prompt_tokens,
                   .answer_tokens = completion.answer_tokens};
  answer.piece.text = render_answer(job.request, completion);
  answer.completion = std::move(completion);
  if (job.request.stream && job.request.bound()) job.add_piece(answer.piece);
  job.finish(std::move(answer));
}

}  // namespace llama4rec::service
