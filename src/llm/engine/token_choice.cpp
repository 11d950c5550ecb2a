#include "llm/engine/token_choice.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/random.h"
#include "llm/simd_math.h"

namespace llama4rec::llm {
namespace {

/// Calls f(place of the row, logits [vocabulary]) for every state, some rows at a time so that their logits stay few.
template <class F>
void with_logits(const PackedModel& model, std::span<const float* const> states, const F& f) {
  constexpr std::int64_t kLogits = 1 << 21;
  const auto hidden = model.config().hidden;
  const auto width = model.config().vocabulary;
  const auto block = std::clamp<std::int64_t>(kLogits / width, 8, 256);
  std::vector<float> rows;
  std::vector<float> logits;
  for (std::int64_t begin = 0; begin < static_cast<std::int64_t>(states.size()); begin += block) {
    const auto count = std::min(block, static_cast<std::int64_t>(states.size()) - begin);
    rows.resize(static_cast<std::size_t>(count * hidden));
    logits.resize(static_cast<std::size_t>(count * width));
    for (std::int64_t i = 0; i < count; ++i) {
      const float* state = states[static_cast<std::size_t>(begin + i)];
      std::copy(state, state + hidden, rows.data() + i * hidden);
    }
    model.logits(rows.data(), count, logits.data());
    const auto run = [&](std::int64_t first, std::int64_t last) {
      for (auto i = first; i < last; ++i) f(static_cast<std::size_t>(begin + i), logits.data() + i * width);
    };
    if (at::in_parallel_region() || count * width < 1 << 16) {
      run(0, count);
    } else {
      at::parallel_for(0, count, 1, run);
    }
  }
}

double log_sum(const float* logits, std::int64_t width) {
  const float top = simd::maximum(logits, width);
  return static_cast<double>(top) + std::log(static_cast<double>(simd::exponential_sum(logits, top, width)));
}

}  // namespace

void score_options(const PackedModel& model, std::span<OptionQuestions> questions) {
  struct Question {
    Token token = 0;
    double* score = nullptr;
  };
  std::vector<std::pair<const float*, Question>> asked;
  for (auto& it : questions) {
    it.scores.assign(it.rows.size(), 0.0);
    for (std::size_t option = 0; option < it.rows.size(); ++option) {
      for (std::size_t i = 0; i < it.rows[option].size(); ++i) {
        asked.push_back(
            {it.rows[option][i], {.token = it.prepared->questions[option][i].token, .score = &it.scores[option]}});
      }
    }
  }
  // Rows that several ask are computed once. Stable: an option's terms are added in the order of its tokens.
  std::stable_sort(asked.begin(), asked.end(),
                   [](const auto& a, const auto& b) { return std::less<>()(a.first, b.first); });
  std::vector<const float*> states;
  std::vector<std::size_t> first;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (!states.empty() && states.back() == asked[i].first) continue;
    states.push_back(asked[i].first);
    first.push_back(i);
  }
  first.push_back(asked.size());
  std::vector<double> answers(asked.size());
  const auto width = model.config().vocabulary;
  with_logits(model, states, [&](std::size_t row, const float* logits) {
    const double sum = log_sum(logits, width);
    for (auto i = first[row]; i < first[row + 1]; ++i) {
      answers[i] = static_cast<double>(logits[asked[i].second.token]) - sum;
    }
  });
  for (std::size_t i = 0; i < asked.size(); ++i) *asked[i].second.score += answers[i];
}

std::size_t sample_place(std::span<const float> logits, const Sampling& sampling, double uniform) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  std::vector<double> weights;
  double all = 0;
  for (const auto place : order) {
    const auto below = static_cast<double>(logits[place]) - static_cast<double>(logits[order.front()]);
    weights.push_back(std::exp(below / sampling.temperature));
    all += weights.back();
  }
  double kept = 0;
  std::size_t count = 0;
  while (count < weights.size() && (count == 0 || kept < sampling.top_p * all)) kept += weights[count++];
  double left = uniform * kept;
  for (std::size_t i = 0; i < count; ++i) {
    left -= weights[i];
    if (left < 0) return order[i];
  }
  return order[count - 1];
}

void choose_tokens(const PackedModel& model, std::int64_t vocabulary, std::span<TokenChoice> choices) {
  const auto drawn = [](const TokenChoice& choice, std::span<const float> logits) {
    if (choice.sampling.temperature <= 0) {
      return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    }
    RandomStream random(choice.sampling.seed, "llm.sampling", {static_cast<std::uint64_t>(choice.place)});
    return sample_place(logits, choice.sampling, random.uniform());
  };
  std::vector<const float*> states;
  std::vector<TokenChoice*> free;
  for (auto& choice : choices) {
    if (choice.allowed.empty()) {
      states.push_back(choice.state);
      free.push_back(&choice);
      continue;
    }
    std::vector<float> logits;
    if (choice.allowed.size() > 1) {
      for (const auto token : choice.allowed) logits.push_back(model.logit(choice.state, token));
    }
    choice.token = choice.allowed[logits.empty() ? 0 : drawn(choice, logits)];
    choice.log_probability = 0;
  }
  const auto width = model.config().vocabulary;
  with_logits(model, states, [&](std::size_t row, const float* logits) {
    auto& choice = *free[row];
    const auto place = drawn(choice, {logits, static_cast<std::size_t>(std::min(width, vocabulary))});
    choice.token = static_cast<Token>(place);
    choice.log_probability = static_cast<double>(logits[place]) - log_sum(logits, width);
  });
}

}  // namespace llama4rec::llm
