#include "llm/engine/engine.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "core/interrupt.h"
#include "core/text.h"
#include "llm/engine/token_scores.h"

namespace llama4rec::llm {
namespace {

/// Models with fewer weights are not worth sharing a product between threads.
constexpr std::int64_t kSmallModel = 16 << 20;
/// Requests that a worker takes at a time: enough to fill its batches, few enough that no worker waits long for the last one.
constexpr std::size_t kWorkerRequests = 64;
/// Steps of small models' workers between two looks at what came of them: workers that wait for each other after every step would mostly wait.
constexpr int kSmallModelSteps = 8;

/// Never so many that a worker's share of the cache could not hold a whole context.
std::int64_t worker_count(const Transformer& transformer, const EngineOptions& options) {
  const auto& config = transformer.config();
  auto count = options.workers;
  if (count <= 0) count = parameter_count(config) < kSmallModel ? at::get_num_threads() : 1;
  const BlockCache whole(config, Precision::kFloat32, options.cache_megabytes << 20U);
  const auto blocks = (config.context + kBlockTokens - 1) / kBlockTokens;
  return std::clamp<std::int64_t>(std::min(options.cache_megabytes, whole.total() / blocks), 1, count);
}

std::vector<BatchEngine> make_workers(const PackedModel& model, const Tokenizer& tokenizer, EngineOptions options,
                                      std::int64_t count) {
  options.cache_megabytes = std::max<std::int64_t>(1, options.cache_megabytes / count);
  std::vector<BatchEngine> workers;
  for (std::int64_t i = 0; i < count; ++i) workers.emplace_back(model, tokenizer, options);
  return workers;
}

/// Free text's tokens become its text.
void set_text(const PreparedRequest& prepared, const Tokenizer& tokenizer, EngineAnswer& answer) {
  if (prepared.request->grammar.kind != AnswerKind::kFreeText) return;
  answer.completion.text = text::to_valid_utf8(tokenizer.decode(answer.generated.tokens));
}

}  // namespace

Engine::Engine(const Transformer& transformer, const Tokenizer& tokenizer, const EngineOptions& options)
    : transformer_(transformer),
      tokenizer_(tokenizer),
      options_(options),
      model_(transformer, parse_precision(options.precision)),
      workers_(make_workers(model_, tokenizer, options, worker_count(transformer, options))) {}

Engine::~Engine() = default;

template <class Work>
auto Engine::guarded(const Work& work) {
  try {
    return work();
  } catch (...) {
    // A worker that was stopped on its way may have noted blocks that were never written.
    workers_ = make_workers(model_, tokenizer_, options_, static_cast<std::int64_t>(workers_.size()));
    submitted_.clear();
    throw;
  }
}

/// Requests of one call, shared out to the workers.
class Engine::Call {
 public:
  Call(Engine& engine, std::span<const CompletionRequest> requests, const CompletionArrival& arrived)
      : engine_(engine), answers_(requests.size()), arrived_(arrived) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      prepared_.push_back(prepare_request(requests[i], i, engine.tokenizer_, engine.transformer_.config().context));
      engine.workers_.front().check(prepared_.back(), i);
    }
  }

  std::vector<Completion> run() {
    const auto workers = static_cast<std::int64_t>(engine_.workers_.size());
    if (workers == 1) {
      answer(engine_.workers_.front(), 0, prepared_.size());
    } else {
      const auto even = (prepared_.size() + engine_.workers_.size() - 1) / engine_.workers_.size();
      const auto part = std::clamp<std::size_t>(even, 1, kWorkerRequests);
      std::atomic<std::size_t> next = 0;
      at::parallel_for(0, workers, 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto worker = begin; worker < end; ++worker) {
          for (auto first = next.fetch_add(part); first < prepared_.size(); first = next.fetch_add(part)) {
            answer(engine_.workers_[static_cast<std::size_t>(worker)], first, std::min(part, prepared_.size() - first));
          }
        }
      });
    }
    std::vector<Completion> completions;
    completions.reserve(answers_.size());
    for (auto& answer : answers_) completions.push_back(std::move(answer.completion));
    return completions;
  }

 private:
  void answer(BatchEngine& worker, std::size_t first, std::size_t count) {
    EngineBatch batch{.prepared = std::span(prepared_).subspan(first, count),
                      .answers = std::span(answers_).subspan(first, count),
                      .arrived = [&](std::size_t place) { arrive(first + place); }};
    worker.add(batch);
    while (batch.missing > 0) {
      throw_if_interrupted("answering prompts");
      worker.step();
    }
  }

  void arrive(std::size_t request) {
    const std::lock_guard lock(mutex_);
    set_text(prepared_[request], engine_.tokenizer_, answers_[request]);
    if (arrived_) arrived_(request, answers_[request].completion);
  }

  Engine& engine_;
  std::vector<PreparedRequest> prepared_;
  std::vector<EngineAnswer> answers_;
  const CompletionArrival& arrived_;
  std::mutex mutex_;
};

std::vector<Completion> Engine::complete(std::span<const CompletionRequest> requests,
                                         const CompletionArrival& arrived) {
  Call call(*this, requests, arrived);
  return guarded([&] { return call.run(); });
}

/// A request that came by itself. It keeps what came of it until the next look, for its batch engine runs in any thread.
struct Engine::Submitted {
  CompletionRequest request;
  PreparedRequest prepared;
  EngineAnswer answer;
  EngineBatch batch;
  std::size_t worker = 0;
  AnswerProgress progress;
};

std::int64_t Engine::submit(const CompletionRequest& request, std::span<const Token> prompt) {
  if (!prompt.empty()) check_tokens(prompt, std::nullopt, transformer_.config());
  auto submitted = std::make_unique<Submitted>();
  auto& it = *submitted;
  it.request = request;
  const auto context = transformer_.config().context;
  it.prepared = prompt.empty() ? prepare_request(it.request, 0, tokenizer_, context)
                               : prepare_tokens(it.request, 0, tokenizer_, context, {prompt.begin(), prompt.end()});
  workers_.front().check(it.prepared, 0);
  std::vector<std::int64_t> load(workers_.size());
  for (const auto& [number, other] : submitted_) ++load[other->worker];
  it.worker = static_cast<std::size_t>(std::min_element(load.begin(), load.end()) - load.begin());
  it.progress.request = ++last_number_;
  it.batch.prepared = {&it.prepared, 1};
  it.batch.answers = {&it.answer, 1};
  it.batch.wrote = [&it](std::size_t, Token token, double log_probability) {
    it.progress.tokens.push_back(token);
    it.progress.log_probabilities.push_back(log_probability);
  };
  it.batch.arrived = [&it, this](std::size_t) {
    set_text(it.prepared, tokenizer_, it.answer);
    it.progress.answer = std::move(it.answer.completion);
    it.progress.ended = it.answer.generated.ended;
  };
  workers_[it.worker].add(it.batch);
  submitted_.emplace(last_number_, std::move(submitted));
  return last_number_;
}

std::vector<AnswerProgress> Engine::step() {
  std::vector<BatchEngine*> busy;
  for (auto& worker : workers_) {
    if (!worker.idle()) busy.push_back(&worker);
  }
  const int steps = workers_.size() > 1 ? kSmallModelSteps : 1;
  const auto run = [&](BatchEngine& worker) {
    for (int i = 0; i < steps && !worker.idle(); ++i) worker.step();
  };
  guarded([&] {
    if (busy.size() == 1) {
      run(*busy.front());
    } else if (!busy.empty()) {
      at::parallel_for(0, static_cast<std::int64_t>(busy.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto i = begin; i < end; ++i) run(*busy[static_cast<std::size_t>(i)]);
      });
    }
  });
  std::vector<AnswerProgress> news;
  for (auto it = submitted_.begin(); it != submitted_.end();) {
    auto& progress = it->second->progress;
    const bool answered = progress.answer.has_value();
    if (answered || !progress.tokens.empty()) {
      news.push_back(std::exchange(progress, AnswerProgress{.request = it->first}));
    }
    it = answered ? submitted_.erase(it) : std::next(it);
  }
  return news;
}

void Engine::cancel(std::int64_t request) {
  const auto it = submitted_.find(request);
  if (it == submitted_.end()) return;
  workers_[it->second->worker].cancel(it->second->batch);
  submitted_.erase(it);
}

std::vector<double> Engine::score(std::span<const Token> tokens) const {
  check_tokens(tokens, std::nullopt, transformer_.config());
  return score_tokens(model_, tokens);
}

EngineAccount Engine::account() const {
  EngineAccount sum;
  for (const auto& worker : workers_) {
    const auto account = worker.account();
    sum.steps += account.steps;
    sum.read_tokens += account.read_tokens;
    sum.shared_tokens += account.shared_tokens;
    sum.evicted_blocks += account.evicted_blocks;
    sum.most_blocks += account.most_blocks;
    sum.used_blocks += account.used_blocks;
  }
  return sum;
}

}  // namespace llama4rec::llm
