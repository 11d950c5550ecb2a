#include "llm/engine/engine.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "core/text.h"

namespace llama4rec::llm {
namespace {

/// Models with fewer weights are not worth sharing a product between threads.
constexpr std::int64_t kSmallModel = 16 << 20;
/// Requests that a worker takes at a time: enough to fill its batches, few enough that no worker waits long for the last one.
constexpr std::size_t kWorkerRequests = 64;

/// Never so many that a worker's share of the cache could not hold a whole context.
std::int64_t worker_count(const Transformer& transformer, const EngineOptions& options) {
  const auto& config = transformer.config();
  auto count = options.workers;
  if (count <= 0) count = parameter_count(config) < kSmallModel ? at::get_num_threads() : 1;
  const BlockCache whole(config, Precision::kFloat32, options.cache_megabytes << 20U);
  const auto blocks = (config.context + kBlockTokens - 1) / kBlockTokens;
  return std::clamp<std::int64_t>(std::min(options.cache_megabytes, whole.total() / blocks), 1, count);
}

std::vector<BatchEngine> make_workers(const PackedModel& model, EngineOptions options, std::int64_t count) {
  options.cache_megabytes = std::max<std::int64_t>(1, options.cache_megabytes / count);
  std::vector<BatchEngine> workers;
  for (std::int64_t i = 0; i < count; ++i) workers.emplace_back(model, options);
  return workers;
}

}  // namespace

Engine::Engine(const Transformer& transformer, const Tokenizer& tokenizer, const EngineOptions& options)
    : transformer_(transformer),
      tokenizer_(tokenizer),
      options_(options),
      model_(transformer, parse_precision(options.precision)),
      workers_(make_workers(model_, options, worker_count(transformer, options))) {}

Engine::~Engine() = default;

/// Requests of one call, shared out to the workers.
class Engine::Call {
 public:
  Call(Engine& engine, std::span<const CompletionRequest> requests, const CompletionArrival& arrived)
      : engine_(engine), completions_(requests.size()), generated_(requests.size()), arrived_(arrived) {
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
    return std::move(completions_);
  }

 private:
  void answer(BatchEngine& worker, std::size_t first, std::size_t count) {
    const auto& tokenizer = engine_.tokenizer_;
    worker.answer(std::span(prepared_).subspan(first, count), tokenizer.end_token(), tokenizer.end_tokens(),
                  tokenizer.vocabulary(), std::span(completions_).subspan(first, count),
                  std::span(generated_).subspan(first, count), [&](std::size_t place) { arrive(first + place); });
  }

  void arrive(std::size_t request) {
    const std::lock_guard lock(mutex_);
    if (prepared_[request].request->grammar.kind == AnswerKind::kFreeText) {
      completions_[request].text = text::to_valid_utf8(engine_.tokenizer_.decode(generated_[request]));
    }
    if (arrived_) arrived_(request, completions_[request]);
  }

  Engine& engine_;
  std::vector<PreparedRequest> prepared_;
  std::vector<Completion> completions_;
  std::vector<std::vector<Token>> generated_;
  const CompletionArrival& arrived_;
  std::mutex mutex_;
};

std::vector<Completion> Engine::complete(std::span<const CompletionRequest> requests,
                                         const CompletionArrival& arrived) {
  Call call(*this, requests, arrived);
  try {
    return call.run();
  } catch (...) {
    // A worker that was stopped on its way may have noted blocks that were never written.
    workers_ = make_workers(model_, options_, static_cast<std::int64_t>(workers_.size()));
    throw;
  }
}

EngineAccount Engine::account() const {
  EngineAccount sum;
  for (const auto& worker : workers_) {
    const auto& account = worker.account();
    sum.steps += account.steps;
    sum.read_tokens += account.read_tokens;
    sum.shared_tokens += account.shared_tokens;
    sum.evicted_blocks += account.evicted_blocks;
    sum.most_blocks += account.most_blocks;
  }
  return sum;
}

}  // namespace llama4rec::llm
