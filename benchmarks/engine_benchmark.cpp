// The embedded engine against the machine's limit: prefill, decoding and the two jobs of a recommender, on random weights.
//   engine_benchmark [SHAPE...]      S6 S110 L1100 (default: S6 S110); prints a table
//   engine_benchmark --users N ...   users of the jobs (default 100; their time grows in proportion)
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/atomic_file.h"
#include "core/cpus.h"
#include "core/random.h"
#include "llm/embedded_llm.h"
#include "llm/engine/engine.h"
#include "llm/gradient_step.h"
#include "llm/sentencepiece_tokenizer.h"
#include "tensor/runtime.h"

namespace llama4rec::llm {
namespace {

struct Shape {
  std::string name;
  ModelConfig config;
};

std::vector<Shape> shapes() {
  ModelConfig small{.vocabulary = 4096,
                    .hidden = 256,
                    .intermediate = 688,
                    .layers = 6,
                    .heads = 4,
                    .key_value_heads = 4,
                    .context = 4096,
                    .tied = true};
  ModelConfig medium{.vocabulary = 32000,
                     .hidden = 768,
                     .intermediate = 2048,
                     .layers = 12,
                     .heads = 12,
                     .key_value_heads = 12,
                     .context = 4096,
                     .tied = true};
  ModelConfig large{.vocabulary = 32000,
                    .hidden = 2048,
                    .intermediate = 5632,
                    .layers = 22,
                    .heads = 32,
                    .key_value_heads = 4,
                    .context = 4096,
                    .tied = false};
  return {{"S6", small}, {"S110", medium}, {"L1100", large}};
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The shortest of several.
double best_of(int times, const std::function<void()>& work) {
  double best = 1e300;
  for (int i = 0; i < times; ++i) best = std::min(best, seconds_of(work));
  return best;
}

double peak_gflops() {
  const torch::NoGradGuard no_grad;
  const auto a = torch::randn({4096, 2048}).to(torch::kBFloat16);
  const auto b = torch::randn({2048, 2048}).to(torch::kBFloat16);
  auto c = torch::empty({4096, 2048}, a.options());
  return 2.0 * 4096 * 2048 * 2048 / best_of(10, [&] { at::mm_out(c, a, b); }) * 1e-9;
}

/// Operations: twice the matrices' weights for each token, plus attention's products with half of the keys.
double prefill_operations(const ModelConfig& config, double sequences, double length) {
  const auto head = static_cast<double>(config.vocabulary * config.hidden);
  const double matrices = static_cast<double>(parameter_count(config)) - (config.tied ? 1 : 2) * head;
  const double attention =
      4.0 * static_cast<double>(config.layers * config.heads * config.head_dimension()) * length / 2;
  return sequences * (length * (2 * matrices + attention) + 2 * head);
}

/// Packed sequences with blocks of their own.
class Sequences {
 public:
  Sequences(const PackedModel& model, BlockCache& cache, std::int64_t count, std::int64_t length, std::int64_t room)
      : model_(model), cache_(cache), blocks_(static_cast<std::size_t>(count)), length_(length) {
    for (auto& blocks : blocks_) {
      for (std::int64_t i = 0; i < (length + room + kBlockTokens - 1) / kBlockTokens; ++i) {
        blocks.push_back(cache.take());
      }
    }
  }
  ~Sequences() {
    for (const auto& blocks : blocks_) {
      for (const auto block : blocks) cache_.release(block);
    }
  }
  Sequences(const Sequences&) = delete;
  Sequences& operator=(const Sequences&) = delete;
  Sequences(Sequences&&) = delete;
  Sequences& operator=(Sequences&&) = delete;

  PackedStates read_prompts() const {
    std::vector<PackedTokens> packed;
    for (const auto& blocks : blocks_) {
      auto& part = packed.emplace_back();
      for (std::int64_t i = 0; i < length_; ++i) {
        part.tokens.push_back(static_cast<Token>((i * 7919) % model_.config().vocabulary));
        part.positions.push_back(static_cast<std::int32_t>(i));
      }
      part.blocks = blocks;
      part.asked = {static_cast<std::int32_t>(length_ - 1)};
    }
    return model_.read(packed, cache_);
  }

  void decode(std::int64_t steps) {
    std::vector<float> logits(blocks_.size() * static_cast<std::size_t>(model_.config().vocabulary));
    std::vector<Token> last(blocks_.size(), 5);
    for (std::int64_t step = 0; step < steps; ++step) {
      std::vector<PackedTokens> packed;
      for (std::size_t i = 0; i < blocks_.size(); ++i) {
        const auto slot = static_cast<std::int32_t>(length_ + step);
        packed.push_back({.tokens = {last[i]},
                          .positions = {slot},
                          .first_slot = slot,
                          .ends = {},
                          .blocks = blocks_[i],
                          .asked = {0}});
      }
      const auto states = model_.read(packed, cache_);
      model_.logits(states.values.data(), states.count, logits.data());
      for (std::size_t i = 0; i < blocks_.size(); ++i) {
        const float* row = logits.data() + i * static_cast<std::size_t>(model_.config().vocabulary);
        last[i] = static_cast<Token>(std::max_element(row, row + model_.config().vocabulary) - row);
      }
    }
  }

 private:
  const PackedModel& model_;
  BlockCache& cache_;
  std::vector<std::vector<BlockId>> blocks_;
  std::int64_t length_;
};

/// Invented titles and a tokeniser that knows their words.
class Titles {
 public:
  explicit Titles(std::int64_t vocabulary) {
    RandomStream random(1, "benchmark.titles");
    std::vector<std::pair<std::string, std::int64_t>> weighted;
    for (int i = 0; i < 1000; ++i) {
      std::string title;
      for (auto words = 2 + random.below(4); words > 0; --words) {
        if (!title.empty()) title += ' ';
        for (auto letters = 3 + random.below(5); letters > 0; --letters) {
          title += static_cast<char>('a' + random.below(26));
        }
      }
      titles_.push_back(title + fmt::format(" ({})", 1930 + random.below(70)));
      weighted.emplace_back(titles_.back(), 1 + static_cast<std::int64_t>(random.below(100)));
    }
    ModelOptions options;
    options.vocabulary = std::min<std::int64_t>(vocabulary, 4000);
    options.piece_length = 8;  // words, not titles: eight tokens per title or so
    const auto file = std::filesystem::temp_directory_path() / fmt::format("llama4rec_engine_benchmark_{}", getpid());
    train_tokenizer(weighted, options, 1, file);
    tokenizer_ = std::make_unique<SentencePieceTokenizer>(read_file(file), file.string());
    std::filesystem::remove(file);
  }
  [[nodiscard]] const Tokenizer& tokenizer() const { return *tokenizer_; }
  [[nodiscard]] const std::string& draw(RandomStream& random) const { return titles_[random.below(titles_.size())]; }

 private:
  std::vector<std::string> titles_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

constexpr const char* kInstruction =
    "Below is an instruction that describes a task. Rank the candidate movies by how much the user will like them. ";

std::vector<std::string> history(const Titles& titles, RandomStream& random) {
  std::vector<std::string> segments{kInstruction, "The user liked: "};
  for (int i = 0; i < 30; ++i) {
    segments.push_back(titles.draw(random));
    segments.emplace_back("; ");
  }
  return segments;
}

/// Rank 10 candidates for each user, listwise.
std::vector<CompletionRequest> rank_job(const Titles& titles, std::int64_t users) {
  RandomStream random(2, "benchmark.rank");
  std::vector<CompletionRequest> requests;
  for (std::int64_t user = 0; user < users; ++user) {
    CompletionRequest request{.prompt = {history(titles, random)},
                              .grammar = {.kind = AnswerKind::kPermutation, .options = {}, .separator = "; "}};
    request.prompt.segments.emplace_back("Candidates: ");
    while (request.grammar.options.size() < 10) {
      const auto& title = titles.draw(random);
      auto& options = request.grammar.options;
      if (std::find(options.begin(), options.end(), title) != options.end()) continue;
      options.push_back(title);
      request.prompt.segments.push_back(title);
      request.prompt.segments.emplace_back("; ");
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

/// Rate 10 candidates for each user, pointwise.
std::vector<CompletionRequest> rate_job(const Titles& titles, std::int64_t users) {
  RandomStream random(2, "benchmark.rank");
  std::vector<CompletionRequest> requests;
  for (std::int64_t user = 0; user < users; ++user) {
    const auto shared = history(titles, random);
    for (int i = 0; i < 10; ++i) {
      auto segments = shared;
      segments.insert(segments.end(), {"How will the user rate ", titles.draw(random), "? "});
      requests.push_back({.prompt = {std::move(segments)},
                          .grammar = {.kind = AnswerKind::kChoice, .options = {"1", "2", "3", "4", "5"}}});
    }
  }
  return requests;
}

double peak_resident_gigabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

void print(const std::string& shape, const std::string& what, const std::string& value) {
  std::cout << fmt::format("{:<6} {:<58} {}\n", shape, what, value) << std::flush;
}

void measure_reading(const Shape& shape, const Transformer& transformer, Precision precision, double peak) {
  const PackedModel model(transformer, precision);
  BlockCache cache(shape.config, precision == Precision::kBfloat16 ? precision : Precision::kFloat32,
                   std::int64_t{6} << 30U);
  const auto name = to_string(precision);
  const int repeats = shape.name == "L1100" ? 2 : 5;
  {
    const Sequences sequences(model, cache, 8, 512, 0);
    const double seconds = best_of(repeats, [&] { (void)sequences.read_prompts(); });
    const double rate = prefill_operations(shape.config, 8, 512) / seconds * 1e-9;
    print(
        shape.name, fmt::format("prefill 8 x 512, {}", name),
        fmt::format("{:9.0f} tokens/s  {:5.0f} GFLOP/s  {:3.0f}% of peak", 8 * 512 / seconds, rate, 100 * rate / peak));
  }
  for (const std::int64_t batch : {1, 8, 32}) {
    Sequences sequences(model, cache, batch, 512, 64);
    (void)sequences.read_prompts();
    const double seconds = best_of(2, [&] { sequences.decode(32); });
    print(shape.name, fmt::format("decode behind 512 tokens, batch {}, {}", batch, name),
          fmt::format("{:9.0f} tokens/s", static_cast<double>(batch) * 32 / seconds));
  }
}

/// Forward, backward and AdamW over 8 examples of 512 tokens, all learned or only the last 64.
void measure_training(const Shape& shape, double peak) {
  const Transformer model(shape.config, 1, torch::kCPU);
  AdamW optimiser(model.parameters(), 0.01);
  RandomStream random(3, "benchmark.training");
  for (const std::int64_t learned : {512, 64}) {
    std::vector<TrainingExample> examples(8);
    std::vector<std::int64_t> places;
    for (auto& example : examples) {
      places.push_back(static_cast<std::int64_t>(places.size()));
      for (std::int64_t i = 0; i < 513; ++i) {
        example.tokens.push_back(static_cast<Token>(random.below(static_cast<std::uint64_t>(shape.config.vocabulary))));
        example.learned.push_back(i >= 513 - learned);
      }
    }
    for (const bool mixed : {true, false}) {
      if (mixed && !has_bfloat16()) continue;
      const double seconds = best_of(3, [&] {
        (void)accumulate_gradients(model, optimiser.parameters(), examples, places, 1, mixed);
        (void)optimiser.clip(1);
        optimiser.step(1e-4);
      });
      // Three times the forward pass; the head only where it is asked.
      const double head = 2.0 * static_cast<double>(shape.config.vocabulary * shape.config.hidden) * 8;
      const double operations =
          3 * (prefill_operations(shape.config, 8, 512) + head * static_cast<double>(learned - 1));
      print(shape.name, fmt::format("training 8 x 512, {} learned, {}", learned, mixed ? "bfloat16" : "float32"),
            fmt::format("{:9.0f} tokens/s  {:5.0f} GFLOP/s  {:3.0f}% of peak", 8 * 512 / seconds,
                        operations / seconds * 1e-9, 100 * operations / seconds * 1e-9 / peak));
    }
  }
}

void measure_jobs(const Shape& shape, const Transformer& transformer, std::int64_t users) {
  const Titles titles(shape.config.vocabulary);
  const auto run = [&](const std::string& what, const std::vector<CompletionRequest>& requests,
                       const EngineOptions& options) {
    Engine engine(transformer, titles.tokenizer(), options);
    const double seconds = seconds_of([&] { (void)engine.complete(requests, {}); });
    const auto account = engine.account();
    print(shape.name, what,
          fmt::format("{:9.2f} s for {} users, {:6.1f} users/s; {} tokens read, {} shared", seconds, users,
                      static_cast<double>(users) / seconds, account.read_tokens, account.shared_tokens));
  };
  const auto rank = rank_job(titles, users);
  const auto rate = rate_job(titles, users);
  run("rank 10, listwise", rank, {});
  run("  without shared prefixes", rank, {.share_prefixes = false});
  run("  without jump-forward", rank, {.jump_forward = false});
  run("  one user at a time", rank, {.most_sequences = 1, .workers = 1});
  run("  float32", rank, {.precision = "float32"});
  auto first = rank;
  for (auto& request : first) request.grammar.generate_first = 1;
  run("  first position only", first, {});
  run("rate 10, pointwise", rate, {});
  run("  without shared prefixes", rate, {.share_prefixes = false});
}

int run_benchmark(int argument_count, char** arguments) {
  std::vector<std::string> wanted;
  std::int64_t users = 100;
  for (int i = 1; i < argument_count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--users" && i + 1 < argument_count) {
      users = std::stoll(arguments[++i]);
    } else {
      wanted.push_back(argument);
    }
  }
  if (wanted.empty()) wanted = {"S6", "S110"};
  tensor::configure_runtime(0);
  std::cout << cpu_name() << "; " << tensor::runtime_description() << '\n';
  for (const auto& shape : shapes()) {
    if (std::find(wanted.begin(), wanted.end(), shape.name) == wanted.end()) continue;
    const double peak = peak_gflops();
    const Transformer transformer(shape.config, 1, torch::kCPU);
    print(shape.name, "weights",
          fmt::format("{:9.1f} million", static_cast<double>(parameter_count(shape.config)) / 1e6));
    print(shape.name, "peak: 4096 x 2048 x 2048, bfloat16, best of 10", fmt::format("{:9.0f} GFLOP/s", peak));
    if (has_bfloat16()) measure_reading(shape, transformer, Precision::kBfloat16, peak);
    measure_reading(shape, transformer, Precision::kInt8, peak);
    if (shape.name != "L1100") {
      measure_reading(shape, transformer, Precision::kFloat32, peak);
      measure_training(shape, peak);
      measure_jobs(shape, transformer, users);
    }
    print(shape.name, "peak resident memory so far", fmt::format("{:9.2f} GiB", peak_resident_gigabytes()));
  }
  return 0;
}

}  // namespace
}  // namespace llama4rec::llm

int main(int argument_count, char** arguments) {
  llama4rec::choose_blas_kernel(arguments);
  return llama4rec::llm::run_benchmark(argument_count, arguments);
}
