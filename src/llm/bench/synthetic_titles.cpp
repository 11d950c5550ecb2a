#include "llm/bench/synthetic_titles.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "llm/embedded_llm.h"
#include "llm/sentencepiece_model.h"

namespace llama4rec::llm {
namespace {

constexpr std::int64_t kMostLearned = 4000;  // pieces that the titles can support
constexpr int kHistory = 30;
constexpr std::size_t kCandidates = 10;
constexpr const char* kInstruction =
    "Below is an instruction that describes a task. Rank the candidate movies by how much the user will like them. ";

std::vector<std::string> history(const SyntheticTitles& titles, RandomStream& random) {
  std::vector<std::string> segments{kInstruction, "The user liked: "};
  for (int i = 0; i < kHistory; ++i) {
    segments.push_back(titles.draw(random));
    segments.emplace_back("; ");
  }
  return segments;
}

}  // namespace

SyntheticTitles::SyntheticTitles() {
  RandomStream random(1, "benchmark.titles");
  for (int i = 0; i < 1000; ++i) {
    std::string title;
    for (auto words = 2 + random.below(4); words > 0; --words) {
      if (!title.empty()) title += ' ';
      for (auto letters = 3 + random.below(5); letters > 0; --letters) {
        title += static_cast<char>('a' + random.below(26));
      }
    }
    titles_.push_back(title + fmt::format(" ({})", 1930 + random.below(70)));
  }
}

void SyntheticTitles::write_tokenizer(std::int64_t vocabulary, const std::filesystem::path& file) const {
  RandomStream random(1, "benchmark.weights");
  std::vector<std::pair<std::string, std::int64_t>> weighted;
  for (const auto& title : titles_) weighted.emplace_back(title, 1 + static_cast<std::int64_t>(random.below(100)));
  ModelOptions options;
  options.vocabulary = std::min(vocabulary, kMostLearned);
  options.piece_length = 8;
  train_tokenizer(weighted, options, 1, file);
  auto model = parse_sentencepiece(read_file(file), file.string());
  while (static_cast<std::int64_t>(model.pieces.size()) < vocabulary) {
    // A private character begins them: nothing is merged to it.
    model.pieces.push_back({.text = fmt::format("\xEE\x80\x80{}", model.pieces.size()), .score = -1e6F});
  }
  write_file_atomically(file, serialize_sentencepiece(model));
}

std::vector<CompletionRequest> ranking_job(const SyntheticTitles& titles, std::int64_t users) {
  RandomStream random(2, "benchmark.rank");
  std::vector<CompletionRequest> requests;
  for (std::int64_t user = 0; user < users; ++user) {
    CompletionRequest request{.prompt = {history(titles, random)},
                              .grammar = {.kind = AnswerKind::kPermutation, .options = {}, .separator = "; "}};
    request.prompt.segments.emplace_back("Candidates: ");
    auto& options = request.grammar.options;
    while (options.size() < kCandidates) {
      const auto& title = titles.draw(random);
      if (std::find(options.begin(), options.end(), title) != options.end()) continue;
      options.push_back(title);
      request.prompt.segments.push_back(title);
      request.prompt.segments.emplace_back("; ");
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

std::vector<CompletionRequest> rating_job(const SyntheticTitles& titles, std::int64_t users) {
  RandomStream random(2, "benchmark.rank");
  std::vector<CompletionRequest> requests;
  for (std::int64_t user = 0; user < users; ++user) {
    const auto shared = history(titles, random);
    for (std::size_t i = 0; i < kCandidates; ++i) {
      auto segments = shared;
      segments.insert(segments.end(), {"How will the user rate ", titles.draw(random), "? "});
      requests.push_back({.prompt = {std::move(segments)},
                          .grammar = {.kind = AnswerKind::kChoice, .options = {"1", "2", "3", "4", "5"}}});
    }
  }
  return requests;
}

}  // namespace llama4rec::llm
