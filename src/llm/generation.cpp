#include "llm/generation.h"

#include <algorithm>
#include <limits>

namespace llama4rec::llm {
namespace {

using torch::Tensor;

struct Choice {
  Token token = 0;
  double log_probability = 0;
};

Tensor index_tensor(const std::vector<std::int64_t>& values, const torch::Device& device) {
  return torch::tensor(values, torch::kInt64).to(device);
}

/// The best allowed token of each sequence, of the first `vocabulary` ones where anything goes. Only the logits of allowed tokens are computed where they are few.
std::vector<Choice> choose(const Transformer& model, const Tensor& states, std::int64_t vocabulary,
                           const std::vector<Continuation*>& continuations) {
  const auto x = model.normalized(states);
  std::vector<Choice> choices(continuations.size());
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> tokens;
  std::vector<std::int64_t> free_rows;
  for (std::size_t i = 0; i < continuations.size(); ++i) {
    const auto allowed = continuations[i]->allowed();
    if (allowed.empty()) free_rows.push_back(static_cast<std::int64_t>(i));
    for (const auto token : allowed) {
      rows.push_back(static_cast<std::int64_t>(i));
      tokens.push_back(token);
    }
  }
  if (!rows.empty()) {
    const auto logits = (x.index_select(0, index_tensor(rows, model.device())) *
                         model.head().index_select(0, index_tensor(tokens, model.device())))
                            .sum(1)
                            .cpu();
    std::vector<float> best(continuations.size(), -std::numeric_limits<float>::infinity());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto row = static_cast<std::size_t>(rows[i]);
      const float logit = logits.data_ptr<float>()[i];
      if (logit > best[row] || (i == 0 || rows[i] != rows[i - 1])) {
        best[row] = logit;
        choices[row].token = static_cast<Token>(tokens[i]);
      }
    }
  }
  if (!free_rows.empty()) {
    const auto logits = torch::mm(x.index_select(0, index_tensor(free_rows, model.device())), model.head().t());
    const auto log_probabilities = torch::log_softmax(logits, 1).cpu();
    const auto width = log_probabilities.size(1);
    for (std::size_t i = 0; i < free_rows.size(); ++i) {
      const float* row = log_probabilities.data_ptr<float>() + static_cast<std::int64_t>(i) * width;
      const auto at = std::max_element(row, row + std::min(width, vocabulary)) - row;
      choices[static_cast<std::size_t>(free_rows[i])] = {.token = static_cast<Token>(at),
                                                         .log_probability = static_cast<double>(row[at])};
    }
  }
  return choices;
}

/// Reads one chunk per sequence; returns the states behind the chunks' last tokens.
Tensor read_chunks(const Transformer& model, KeyValueCache& cache, const std::vector<std::vector<Token>>& chunks,
                   const std::vector<std::int64_t>& lengths) {
  std::size_t longest = 0;
  for (const auto& chunk : chunks) longest = std::max(longest, chunk.size());
  const auto rows = static_cast<std::int64_t>(chunks.size());
  const auto length = static_cast<std::int64_t>(longest);
  ReadBatch batch{.tokens = torch::zeros({rows, length}, torch::kInt64),
                  .positions = torch::zeros({rows, length}, torch::kInt64),
                  .visibility = {.query_slots = torch::zeros({rows, length}, torch::kInt32), .key_ends = {}}};
  std::vector<std::int64_t> last;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto& chunk = chunks[static_cast<std::size_t>(row)];
    for (std::int64_t i = 0; i < length; ++i) {
      // Padding goes behind the chunk, where the next chunk will overwrite it.
      const auto place = lengths[static_cast<std::size_t>(row)] + i;
      const auto at = row * length + i;
      batch.positions.data_ptr<std::int64_t>()[at] = place;
      batch.visibility.query_slots.data_ptr<std::int32_t>()[at] = static_cast<std::int32_t>(place);
      if (i < static_cast<std::int64_t>(chunk.size())) {
        batch.tokens.data_ptr<std::int64_t>()[at] = chunk[static_cast<std::size_t>(i)];
      }
    }
    last.push_back(row * length + static_cast<std::int64_t>(chunk.size()) - 1);
  }
  batch.tokens = batch.tokens.to(model.device());
  batch.positions = batch.positions.to(model.device());
  return model.read_on(batch, cache).index_select(0, index_tensor(last, model.device()));
}

/// Keeps only some rows of the cache.
void keep_rows(KeyValueCache& cache, const std::vector<std::int64_t>& rows) {
  const auto index = index_tensor(rows, cache.keys.front().device());
  for (auto& keys : cache.keys) keys = keys.index_select(0, index);
  for (auto& values : cache.values) values = values.index_select(0, index);
}

}  // namespace

void generate(const Transformer& model, std::int64_t vocabulary, KeyValueCache cache, Tensor states,
              std::vector<std::int64_t> lengths, std::vector<Continuation*> continuations) {
  const torch::NoGradGuard no_grad;
  while (!continuations.empty()) {
    const auto choices = choose(model, states, vocabulary, continuations);
    std::vector<std::vector<Token>> chunks;
    std::vector<std::int64_t> going;
    for (std::size_t i = 0; i < continuations.size(); ++i) {
      auto chunk = continuations[i]->take(choices[i].token, choices[i].log_probability);
      if (chunk.empty()) continue;
      going.push_back(static_cast<std::int64_t>(i));
      chunks.push_back(std::move(chunk));
    }
    if (going.empty()) return;
    if (going.size() < continuations.size()) {
      keep_rows(cache, going);
      for (std::size_t i = 0; i < going.size(); ++i) {
        const auto from = static_cast<std::size_t>(going[i]);
        lengths[i] = lengths[from];
        continuations[i] = continuations[from];
      }
      lengths.resize(going.size());
      continuations.resize(going.size());
    }
    states = read_chunks(model, cache, chunks, lengths);
    for (std::size_t i = 0; i < chunks.size(); ++i) lengths[i] += static_cast<std::int64_t>(chunks[i].size());
  }
}

}  // namespace llama4rec::llm
