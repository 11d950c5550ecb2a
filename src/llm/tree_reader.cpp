#include "llm/tree_reader.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "llm/layers.h"

namespace llama4rec::llm {
namespace {

/// Adds an option with its terminator below the prompt's last token. The terminator's last token is asked for, never read.
std::vector<TokenQuestion> add_option(TokenTree& tree, std::int64_t parent, std::vector<Token> tokens,
                                      const std::vector<Token>& terminator) {
  tokens.insert(tokens.end(), terminator.begin(), terminator.end());
  const auto slots = tree.add_below(parent, std::span(tokens).first(tokens.size() - 1));
  std::vector<TokenQuestion> questions;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    questions.push_back({.slot = i == 0 ? parent : slots[i - 1], .token = tokens[i]});
  }
  return questions;
}

}  // namespace

RequestTree build_tree(std::span<PreparedRequest> requests, Token end) {
  RequestTree result{.tree = {}, .requests = requests};
  for (auto& request : requests) {
    request.path = result.tree.add_path(request.prompt.tokens);
    request.questions.assign(request.options.size(), {});
    // In the order of their tokens, options that begin alike stand side by side and share.
    std::vector<std::size_t> order(request.options.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return request.options[a] < request.options[b]; });
    const auto terminator = request.terminator(end);
    for (const auto option : order) {
      request.questions[option] = add_option(result.tree, request.path.back(), request.options[option], terminator);
    }
  }
  return result;
}

TreePass read_trees(const Transformer& model, std::span<const RequestTree> trees, bool keep_cache) {
  TreePass pass;
  for (const auto& tree : trees) pass.length = std::max(pass.length, tree.tree.size());
  const auto rows = static_cast<std::int64_t>(trees.size());
  const auto length = pass.length;
  ReadBatch batch{.tokens = torch::zeros({rows, length}, torch::kInt64),
                  .positions = torch::zeros({rows, length}, torch::kInt64),
                  .visibility = {.query_slots = torch::arange(length, torch::kInt32).repeat({rows, 1}),
                                 .key_ends = torch::empty({rows, length}, torch::kInt32)}};
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto& tree = trees[static_cast<std::size_t>(row)].tree;
    const auto ends = tree.subtree_ends();
    std::int64_t* tokens = batch.tokens.data_ptr<std::int64_t>() + row * length;
    std::int64_t* positions = batch.positions.data_ptr<std::int64_t>() + row * length;
    std::int32_t* key_ends = batch.visibility.key_ends.data_ptr<std::int32_t>() + row * length;
    std::copy(tree.tokens().begin(), tree.tokens().end(), tokens);
    std::copy(tree.depths().begin(), tree.depths().end(), positions);
    std::copy(ends.begin(), ends.end(), key_ends);
    // Padding sees itself alone.
    for (auto slot = tree.size(); slot < length; ++slot) key_ends[slot] = static_cast<std::int32_t>(slot + 1);
  }
  batch.tokens = batch.tokens.to(model.device());
  batch.positions = batch.positions.to(model.device());
  pass.states = model.read(batch, keep_cache ? &pass.cache : nullptr);
  return pass;
}

std::vector<std::vector<std::vector<double>>> score_options(const Transformer& model, const TreePass& pass,
                                                            std::span<const RequestTree> trees) {
  std::vector<std::int64_t> states;  // whose distribution is asked for
  std::vector<std::int64_t> rows;    // by question: its place in `states`
  std::vector<std::int64_t> tokens;
  for (std::size_t tree = 0; tree < trees.size(); ++tree) {
    std::vector<std::int64_t> place_of(static_cast<std::size_t>(pass.length), -1);
    for (const auto& request : trees[tree].requests) {
      for (const auto& questions : request.questions) {
        for (const auto& question : questions) {
          auto& place = place_of[static_cast<std::size_t>(question.slot)];
          if (place < 0) {
            place = static_cast<std::int64_t>(states.size());
            states.push_back(static_cast<std::int64_t>(tree) * pass.length + question.slot);
          }
          rows.push_back(place);
          tokens.push_back(question.token);
        }
      }
    }
  }
  torch::Tensor answers;
  if (!states.empty()) {
    const torch::NoGradGuard no_grad;
    const auto device = model.device();
    const auto index = [&](const std::vector<std::int64_t>& values) {
      return torch::tensor(values, torch::kInt64).to(device);
    };
    const auto asked = model.normalized(pass.states.index_select(0, index(states)));
    answers = token_log_probabilities(asked, model.head(), index(rows), index(tokens));
  }
  std::vector<std::vector<std::vector<double>>> scores(trees.size());
  std::size_t next = 0;
  for (std::size_t tree = 0; tree < trees.size(); ++tree) {
    for (const auto& request : trees[tree].requests) {
      auto& options = scores[tree].emplace_back();
      for (const auto& questions : request.questions) {
        double sum = 0;
        for (std::size_t i = 0; i < questions.size(); ++i) {
          sum += static_cast<double>(answers.data_ptr<float>()[next++]);
        }
        options.push_back(sum);
      }
    }
  }
  return scores;
}

}  // namespace llama4rec::llm
