#include "llm/decoder.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/interrupt.h"
#include "core/text.h"
#include "llm/continuations.h"
#include "llm/decoder_request.h"
#include "llm/generation.h"
#include "llm/layers.h"
#include "llm/tree_reader.h"

namespace llama4rec::llm {
namespace {

/// A request that goes on behind its tree.
struct Generating {
  const PreparedRequest* prepared = nullptr;
  Completion* completion = nullptr;
  std::int64_t tree = 0;
  std::unique_ptr<PermutationContinuation> permutation;
  std::unique_ptr<FreeContinuation> free;

  [[nodiscard]] Continuation* continuation() const {
    return permutation ? static_cast<Continuation*>(permutation.get()) : free.get();
  }
};

class BatchDecoder {
 public:
  BatchDecoder(const Transformer& model, const Tokenizer& tokenizer, const DecoderOptions& options)
      : model_(model), tokenizer_(tokenizer), options_(options) {}

  /// Answers the requests of some trees; completions[i] belongs to all[i].
  void answer(std::span<const RequestTree> trees, std::span<PreparedRequest> all,
              std::span<Completion> completions) const {
    std::vector<Generating> generating;
    for (std::size_t tree = 0; tree < trees.size(); ++tree) {
      for (const auto& prepared : trees[tree].requests) {
        auto& completion = completions[static_cast<std::size_t>(&prepared - all.data())];
        completion.prompt_tokens = static_cast<std::int64_t>(prepared.prompt.tokens.size());
        if (prepared.generates()) generating.push_back(start(prepared, completion, tree));
      }
    }
    const auto pass = read_trees(model_, trees, !generating.empty());
    auto scores = score_options(model_, pass, trees);
    for (std::size_t tree = 0; tree < trees.size(); ++tree) {
      for (std::size_t i = 0; i < trees[tree].requests.size(); ++i) {
        const auto& prepared = trees[tree].requests[i];
        if (prepared.options.empty()) continue;
        set_option_scores(prepared, std::move(scores[tree][i]),
                          completions[static_cast<std::size_t>(&prepared - all.data())]);
      }
    }
    if (!generating.empty()) run(pass, generating);
  }

 private:
  Generating start(const PreparedRequest& prepared, Completion& completion, std::size_t tree) const {
    Generating item{.prepared = &prepared, .completion = &completion, .tree = static_cast<std::int64_t>(tree)};
    if (prepared.request->grammar.kind == AnswerKind::kPermutation) {
      item.permutation =
          std::make_unique<PermutationContinuation>(prepared, tokenizer_.end_token(), options_.jump_forward);
    } else {
      item.free = std::make_unique<FreeContinuation>(tokenizer_.end_tokens(), prepared.request->maximum_tokens);
    }
    return item;
  }

  void run(const TreePass& pass, std::vector<Generating>& generating) const {
    const torch::NoGradGuard no_grad;
    std::int64_t longest = 0;
    std::int64_t room = 0;
    std::vector<std::int64_t> lengths;
    std::vector<std::int64_t> last;
    std::vector<Continuation*> continuations;
    for (const auto& item : generating) {
      lengths.push_back(static_cast<std::int64_t>(item.prepared->path.size()));
      last.push_back(item.tree * pass.length + item.prepared->path.back());
      longest = std::max(longest, lengths.back());
      room = std::max(room, room_for(*item.prepared));
      continuations.push_back(item.continuation());
    }
    // Twice the room: a chunk's padding may reach behind the longest answer.
    KeyValueCache cache(model_.config(), static_cast<std::int64_t>(generating.size()), longest + 2 * room,
                        model_.device());
    for (std::size_t i = 0; i < generating.size(); ++i) {
      cache.copy_path(static_cast<std::int64_t>(i), pass.cache, generating[i].tree, generating[i].prepared->path);
    }
    const auto states = pass.states.index_select(0, torch::tensor(last, torch::kInt64).to(model_.device()));
    generate(model_, tokenizer_.vocabulary(), std::move(cache), states, std::move(lengths), std::move(continuations));
    for (auto& item : generating) finish(item);
  }

  void finish(Generating& item) const {
    auto& completion = *item.completion;
    if (item.permutation) {
      set_permutation(*item.prepared, item.permutation->order(), completion);
      completion.answer_tokens = item.permutation->written();
    } else {
      const auto& result = item.free->result;
      completion.text = text::to_valid_utf8(tokenizer_.decode(result.tokens));
      completion.answer_tokens = static_cast<std::int64_t>(result.tokens.size()) + (result.ended ? 1 : 0);
    }
  }

  const Transformer& model_;
  const Tokenizer& tokenizer_;
  const DecoderOptions& options_;
};

std::vector<PromptGroup> plan(std::span<const PreparedRequest> prepared, bool share) {
  std::vector<PlannedPrompt> prompts;
  for (const auto& request : prepared) prompts.push_back(request.prompt);
  if (share) return plan_prompts(prompts);
  std::vector<PromptGroup> groups;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    groups.push_back({.first = static_cast<std::int64_t>(i),
                      .count = 1,
                      .slots = static_cast<std::int64_t>(prompts[i].tokens.size()) + prompts[i].answer_tokens});
  }
  return groups;
}

/// Tokens as a batch of one plain sequence.
ReadBatch single_row(std::span<const Token> tokens, const torch::Device& device) {
  const auto length = static_cast<std::int64_t>(tokens.size());
  const std::vector<std::int64_t> wide(tokens.begin(), tokens.end());
  return {.tokens = torch::tensor(wide, torch::kInt64).view({1, length}).to(device),
          .positions = torch::arange(length, torch::kInt64).view({1, length}).to(device),
          .visibility = {.query_slots = torch::arange(length, torch::kInt32).view({1, length}), .key_ends = {}}};
}

}  // namespace

std::vector<Completion> complete_requests(const Transformer& model, const Tokenizer& tokenizer,
                                          std::span<const CompletionRequest> requests, const DecoderOptions& options,
                                          const CompletionProgress& progress) {
  std::vector<PreparedRequest> prepared;
  prepared.reserve(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].sampling.temperature > 0) throw UsageError(fmt::format("request {}: {}", i, kGreedyOnly));
    prepared.push_back(prepare_request(requests[i], i, tokenizer, model.config().context));
  }
  std::vector<Completion> completions(requests.size());
  const auto groups = plan(prepared, options.share_prefixes);
  BatchDecoder decoder(model, tokenizer, options);
  // As many batches at a time as there are threads, each computed by one: cheaper than operators that share the threads. What
  // is in a batch does not depend on their number; the rounding of a last, lone batch may, for its products share the threads.
  const auto threads = model.device().is_cpu() ? static_cast<std::size_t>(at::get_num_threads()) : std::size_t{1};
  std::int64_t answered = 0;
  for (std::size_t begin = 0; begin < groups.size();) {
    throw_if_interrupted("answering prompts");
    std::vector<std::vector<RequestTree>> batches;
    for (; begin < groups.size() && batches.size() < threads;) {
      auto& trees = batches.emplace_back();
      std::int64_t widest = 0;
      for (; begin < groups.size(); ++begin) {
        const auto& group = groups[begin];
        widest = std::max(widest, group.slots);
        if (!trees.empty() && widest * (static_cast<std::int64_t>(trees.size()) + 1) > options.batch_slots) break;
        trees.push_back(build_tree(
            std::span(prepared).subspan(static_cast<std::size_t>(group.first), static_cast<std::size_t>(group.count)),
            tokenizer.end_token()));
        answered += group.count;
      }
    }
    if (batches.size() == 1) {
      decoder.answer(batches.front(), prepared, completions);
    } else {
      at::parallel_for(0, static_cast<std::int64_t>(batches.size()), 1, [&](std::int64_t first, std::int64_t last) {
        for (auto i = first; i < last; ++i) {
          decoder.answer(batches[static_cast<std::size_t>(i)], prepared, completions);
        }
      });
    }
    if (progress) progress(answered);
  }
  return completions;
}

GeneratedTokens generate_tokens(const Transformer& model, std::int64_t vocabulary, std::span<const Token> prompt,
                                std::int64_t maximum, const TokenArrival& wrote) {
  check_tokens(prompt, maximum, model.config());
  const torch::NoGradGuard no_grad;
  const auto length = static_cast<std::int64_t>(prompt.size());
  KeyValueCache cache(model.config(), 1, length + maximum, model.device());
  const auto states = model.read_on(single_row(prompt, model.device()), cache);
  const auto& ends = model.config().end_tokens;
  FreeContinuation continuation({ends.begin(), ends.end()}, maximum, wrote);
  generate(model, vocabulary, std::move(cache), states.narrow(0, length - 1, 1), {length}, {&continuation});
  return std::move(continuation.result);
}

std::vector<double> score_token_sequence(const Transformer& model, std::span<const Token> tokens) {
  check_tokens(tokens, std::nullopt, model.config());
  if (tokens.size() < 2) return {};
  const torch::NoGradGuard no_grad;
  const auto count = static_cast<std::int64_t>(tokens.size()) - 1;
  const auto read = tokens.first(tokens.size() - 1);
  const auto states = model.normalized(model.read(single_row(read, model.device()), nullptr));
  const std::vector<std::int64_t> targets(tokens.begin() + 1, tokens.end());
  const auto result =
      token_log_probabilities(states, model.head(), torch::arange(count, torch::kInt64).to(model.device()),
                              torch::tensor(targets, torch::kInt64).to(model.device()));
  const float* data = result.data_ptr<float>();
  return {data, data + count};
}

}  // namespace llama4rec::llm
