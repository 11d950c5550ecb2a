// Throughput of the small language model in its default shape: training, prompt reading, listwise answers, ratings.
//   OPENBLAS_CORETYPE=SkylakeX llm_benchmark        (see core/cpus.h; the program itself sets this)
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include "core/random.h"
#include "llm/embedded_llm.h"
#include "tensor/runtime.h"

namespace llama4rec::llm {
namespace {

constexpr int kTitles = 250;
constexpr int kHistory = 200;  // titles per user

/// A model of the default shape over invented titles, each of which is one or two tokens.
class World {
 public:
  World() {
    tensor::configure_runtime(0);
    RandomStream random(1, "benchmark.titles");
    std::vector<std::pair<std::string, std::int64_t>> weighted;
    for (int i = 0; i < kTitles; ++i) {
      std::string title;
      for (auto words = 1 + random.below(3); words > 0; --words) {
        if (!title.empty()) title += ' ';
        for (auto letters = 3 + random.below(6); letters > 0; --letters) {
          title += static_cast<char>('a' + random.below(26));
        }
      }
      titles_.push_back(title + fmt::format(" ({})", 1930 + random.below(70)));
      weighted.emplace_back(titles_.back(), 1 + static_cast<std::int64_t>(random.below(100)));
    }
    weighted.emplace_back("; ", 1000);
    weighted.emplace_back("Movies in the order in which the user liked them: ", 1000);
    const auto file = std::filesystem::temp_directory_path() / fmt::format("llama4rec_benchmark_{}", getpid());
    train_tokenizer(weighted, options_, 1, file);
    model_ = EmbeddedLlm::create(file, options_, 1, torch::kCPU);
    std::filesystem::remove(file);
  }

  [[nodiscard]] std::string title(RandomStream& random) const { return titles_[random.below(titles_.size())]; }
  [[nodiscard]] std::vector<std::string> history(RandomStream& random, int count) const {
    std::vector<std::string> segments{"Movies in the order in which the user liked them: "};
    for (int i = 0; i < count; ++i) {
      segments.push_back(title(random));
      segments.emplace_back("; ");
    }
    return segments;
  }
  EmbeddedLlm& model() { return *model_; }

 private:
  ModelOptions options_;
  std::vector<std::string> titles_;
  std::unique_ptr<EmbeddedLlm> model_;
};

World& world() {
  static World instance;
  return instance;
}

std::int64_t prompt_tokens(const std::vector<Completion>& completions) {
  std::int64_t count = 0;
  for (const auto& completion : completions) count += completion.prompt_tokens;
  return count;
}

/// One epoch, in float32 (argument 0) or bfloat16 products.
TrainingOptions training(const benchmark::State& state) {
  TrainingOptions options{.epochs = 1, .learning_rate = 1e-4};
  options.precision = state.range(0) == 0 ? "float32" : "bfloat16";
  return options;
}

/// One epoch over crops of about 250 tokens, all learned.
void train_tokens(benchmark::State& state) {
  RandomStream random(2, "benchmark.training");
  std::vector<TrainingText> texts;
  for (int i = 0; i < 300; ++i) {
    TrainingText text{.segments = world().history(random, 122)};
    text.learn.assign(text.segments.size(), true);
    texts.push_back(std::move(text));
  }
  std::int64_t tokens = 0;
  for (auto _ : state) {
    tokens += world().model().train([&](std::int64_t) { return texts; }, training(state), 1, {}).tokens;
  }
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate);
}
BENCHMARK(train_tokens)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Instructions: long prompts, only the answer learned.
void tune_tokens(benchmark::State& state) {
  RandomStream random(3, "benchmark.tuning");
  std::vector<TrainingText> texts;
  for (int i = 0; i < 200; ++i) {
    TrainingText text{.segments = world().history(random, 120)};
    text.segments.push_back(world().title(random));
    text.learn.assign(text.segments.size(), false);
    text.learn.back() = true;
    texts.push_back(std::move(text));
  }
  std::int64_t tokens = 0;
  for (auto _ : state) {
    tokens += world().model().train([&](std::int64_t) { return texts; }, training(state), 1, {}).tokens;
  }
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate);
}
BENCHMARK(tune_tokens)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();

/// What was read in the last round must not help this one.
void forget(benchmark::State& state) {
  state.PauseTiming();
  world().model().set_engine({});
  state.ResumeTiming();
}

/// One of two titles, each user once: little but reading the prompt.
void read_prompts(benchmark::State& state) {
  RandomStream random(4, "benchmark.reading");
  std::vector<CompletionRequest> requests;
  for (int i = 0; i < 128; ++i) {
    requests.push_back(
        {.prompt = {world().history(random, kHistory)},
         .grammar = {.kind = AnswerKind::kChoice, .options = {world().title(random), world().title(random)}}});
  }
  std::int64_t tokens = 0;
  for (auto _ : state) {
    forget(state);
    tokens += prompt_tokens(world().model().complete(requests, {}));
  }
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate);
  state.counters["answers/s"] = benchmark::Counter(
      static_cast<double>(requests.size()) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(read_prompts)->Unit(benchmark::kMillisecond)->UseRealTime();

/// A permutation of ten titles behind a history.
void rank_ten(benchmark::State& state) {
  RandomStream random(5, "benchmark.ranking");
  std::vector<CompletionRequest> requests;
  for (int i = 0; i < 128; ++i) {
    CompletionRequest request{.prompt = {world().history(random, kHistory)},
                              .grammar = {.kind = AnswerKind::kPermutation, .separator = "; "}};
    for (int k = 0; k < 10; ++k) request.grammar.options.push_back(world().title(random));
    requests.push_back(std::move(request));
  }
  for (auto _ : state) {
    forget(state);
    benchmark::DoNotOptimize(world().model().complete(requests, {}));
  }
  state.counters["answers/s"] = benchmark::Counter(
      static_cast<double>(requests.size()) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(rank_ten)->Unit(benchmark::kMillisecond)->UseRealTime();

/// A rating from 1 to 5 for each of ten items of a user, behind one shared history.
void rate_ten(benchmark::State& state) {
  RandomStream random(6, "benchmark.rating");
  std::vector<CompletionRequest> requests;
  for (int user = 0; user < 32; ++user) {
    const auto history = world().history(random, kHistory);
    for (int k = 0; k < 10; ++k) {
      auto segments = history;
      segments.insert(segments.end(), {"rate ", world().title(random), ": "});
      requests.push_back({.prompt = {std::move(segments)},
                          .grammar = {.kind = AnswerKind::kChoice, .options = {"1", "2", "3", "4", "5"}}});
    }
  }
  std::int64_t tokens = 0;
  for (auto _ : state) {
    forget(state);
    tokens += prompt_tokens(world().model().complete(requests, {}));
  }
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate);
  state.counters["answers/s"] = benchmark::Counter(
      static_cast<double>(requests.size()) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(rate_ten)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace llama4rec::llm

BENCHMARK_MAIN();
