#include "llm/engine/batch_engine.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/interrupt.h"
#include "llm/continuations.h"
#include "llm/engine/prefix_index.h"
#include "llm/engine/token_choice.h"
#include "llm/prompt_plan.h"
#include "llm/token_tree.h"
#include "llm/tree_reader.h"

namespace llama4rec::llm {
namespace {

std::int64_t blocks_for(std::int64_t slots) { return (slots + kBlockTokens - 1) / kBlockTokens; }

/// Slots that a request needs when it is alone in its tree.
std::int64_t slots_of(const PreparedRequest& prepared) {
  const auto prompt = static_cast<std::int64_t>(prepared.prompt.tokens.size());
  const auto scored = prompt + prepared.prompt.answer_tokens;
  return prepared.generates() ? std::max(scored, prompt + room_for(prepared)) : scored;
}

/// Requests that are read as one: several choices, or one that generates.
struct Group {
  std::size_t first = 0;
  std::size_t count = 0;
};

/// Neighbouring choices grouped as the plan says, everything else alone.
std::vector<Group> group_requests(std::span<const PreparedRequest> prepared, bool share, std::int64_t most_slots) {
  std::vector<Group> groups;
  std::vector<PlannedPrompt> prompts;
  const auto flush = [&](std::size_t end) {
    if (prompts.empty()) return;
    const auto begin = end - prompts.size();
    for (const auto& it : plan_prompts(prompts)) {
      const auto first = begin + static_cast<std::size_t>(it.first);
      const auto count = static_cast<std::size_t>(it.count);
      if (it.slots <= most_slots) {
        groups.push_back({.first = first, .count = count});
      } else {
        for (std::size_t i = 0; i < count; ++i) groups.push_back({.first = first + i, .count = 1});
      }
    }
    prompts.clear();
  };
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    if (share && !prepared[i].generates()) {
      prompts.push_back(prepared[i].prompt);
      continue;
    }
    flush(i);
    groups.push_back({.first = i, .count = 1});
  }
  flush(prepared.size());
  return groups;
}

/// Requests on their way through the engine.
struct Sequence {
  std::span<PreparedRequest> requests;
  TokenTree tree;
  std::vector<std::int32_t> ends;
  std::int64_t chain = 0;  ///< first tokens of the tree that all others stand behind
  std::vector<PrefixIndex::Node> shared;
  std::vector<BlockId> blocks;  ///< of all slots; the first ones belong to the nodes in `shared`
  std::int64_t read = 0;        ///< slots whose tokens are in the cache or in this step

  std::unique_ptr<PermutationContinuation> permutation;
  std::unique_ptr<FreeContinuation> free;
  std::vector<Token> chunk;  ///< to be read next, behind the slots so far; empty while the tree is read
  std::int64_t choices = 0;  ///< tokens chosen so far

  [[nodiscard]] Continuation* continuation() const {
    return permutation ? static_cast<Continuation*>(permutation.get()) : free.get();
  }
  /// Its prompt, with the options below it, lies behind it.
  [[nodiscard]] bool tree_is_read() const { return choices > 0 || read >= tree.size(); }
};

}  // namespace

struct BatchEngine::State {
  State(const PackedModel& packed, const EngineOptions& engine_options)
      : model(packed),
        options(engine_options),
        cache(packed.config(), packed.precision() == Precision::kBfloat16 ? Precision::kBfloat16 : Precision::kFloat32,
              engine_options.cache_megabytes << 20U),
        index(cache) {}

  const PackedModel& model;
  EngineOptions options;
  BlockCache cache;
  PrefixIndex index;
  EngineAccount account;
  std::int64_t step = 0;
};

/// One call of `answer`.
class BatchEngine::Run {
 public:
  Run(State& state, std::span<PreparedRequest> prepared, Token end, const std::vector<Token>& ends,
      std::int64_t vocabulary, std::span<Completion> completions, std::span<std::vector<Token>> generated,
      const AnswerArrival& arrived)
      : state_(state),
        options_(state.options),
        prepared_(prepared),
        end_(end),
        ends_(ends),
        vocabulary_(vocabulary),
        completions_(completions),
        generated_(generated),
        arrived_(arrived) {
    const auto most = std::min(options_.step_tokens, state.cache.total() * kBlockTokens);
    for (const auto& group : group_requests(prepared, options_.share_prefixes, most)) pending_.push_back(group);
  }
  ~Run() {
    for (auto& sequence : running_) release(*sequence);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  Run(Run&&) = delete;
  Run& operator=(Run&&) = delete;

  void all() {
    while (!pending_.empty() || !running_.empty()) {
      throw_if_interrupted("answering prompts");
      step();
    }
  }

 private:
  void step() {
    ++state_.step;
    ++state_.account.steps;
    std::vector<PackedTokens> packed;
    std::vector<Sequence*> readers;
    std::int64_t budget = options_.step_tokens;
    bool waiting = false;  // a tree that fits no step beside others; nobody is admitted behind it
    const auto add = [&](Sequence& sequence) {
      auto part = next_part(sequence, budget, packed.empty());
      if (part.tokens.empty()) {
        waiting = true;
        return;
      }
      budget -= static_cast<std::int64_t>(part.tokens.size());
      packed.push_back(std::move(part));
      readers.push_back(&sequence);
    };
    for (auto& sequence : running_) {
      if (sequence->tree_is_read()) add(*sequence);
    }
    for (auto& sequence : running_) {
      if (!sequence->tree_is_read() && budget > 0) add(*sequence);
    }
    while (budget > 0 && !waiting && !pending_.empty() &&
           static_cast<std::int64_t>(running_.size()) < options_.most_sequences) {
      auto sequence = admit(pending_.front());
      if (!sequence) break;
      pending_.pop_front();
      running_.push_back(std::move(sequence));
      add(*running_.back());
    }
    if (packed.empty()) throw InternalError("the engine has requests left but nothing to read");
    const auto states = state_.model.read(packed, state_.cache);
    state_.account.most_blocks = state_.cache.most_held();
    state_.account.evicted_blocks = state_.index.evictions();
    consume(packed, readers, states);
  }

  /// A sequence with all the blocks that it will need, or null where they are not free, or what it begins with is being read just now.
  std::unique_ptr<Sequence> admit(const Group& group) {
    auto sequence = std::make_unique<Sequence>();
    sequence->requests = prepared_.subspan(group.first, group.count);
    auto built = build_tree(sequence->requests, end_);
    sequence->tree = std::move(built.tree);
    sequence->ends = sequence->tree.subtree_ends();
    const auto size = sequence->tree.size();
    while (sequence->chain < size && sequence->ends[static_cast<std::size_t>(sequence->chain)] == size) {
      ++sequence->chain;
    }
    // Options that begin alike are behind all prompts' ends: what is asked there must be read in one part with them.
    for (const auto& request : sequence->requests) sequence->chain = std::min(sequence->chain, request.path.back() + 1);
    auto slots = size;
    const auto& first = sequence->requests.front();
    if (first.generates()) {
      slots = std::max(slots, static_cast<std::int64_t>(first.prompt.tokens.size()) + room_for(first));
    }
    auto& index = state_.index;
    const std::span<const Token> tokens(sequence->tree.tokens());
    const auto block_tokens = [&](std::int64_t block) {
      return tokens.subspan(static_cast<std::size_t>(block * kBlockTokens), static_cast<std::size_t>(kBlockTokens));
    };
    // The chain's last token is always read: its state is asked for.
    const auto whole = options_.share_prefixes ? sequence->chain / kBlockTokens : 0;
    const auto reusable = options_.share_prefixes ? (sequence->chain - 1) / kBlockTokens : 0;
    auto parent = PrefixIndex::kRoot;
    for (std::int64_t block = 0; block < reusable; ++block) {
      const auto node = index.find(parent, block_tokens(block));
      if (node == PrefixIndex::kRoot) break;
      if (index.ready(node) > state_.step) {
        release(*sequence);
        return nullptr;
      }
      index.use(node);
      sequence->shared.push_back(node);
      sequence->blocks.push_back(index.block(node));
      parent = node;
    }
    const auto found = static_cast<std::int64_t>(sequence->shared.size());
    const auto needed = blocks_for(slots) - found;
    if (state_.cache.free() + index.unused() < needed) {
      release(*sequence);
      return nullptr;
    }
    sequence->read = found * kBlockTokens;
    state_.account.shared_tokens += sequence->read;
    for (std::int64_t i = 0; i < needed; ++i) {
      if (state_.cache.free() == 0 && !index.evict()) throw InternalError("no block of the cache can be given back");
      sequence->blocks.push_back(state_.cache.take());
    }
    for (std::int64_t block = found; block < whole; ++block) {
      if (index.find(parent, block_tokens(block)) != PrefixIndex::kRoot) break;  // the last block of an equal prompt
      parent = index.insert(parent, block_tokens(block), sequence->blocks[static_cast<std::size_t>(block)]);
      sequence->shared.push_back(parent);
    }
    if (first.generates()) {
      if (first.request->grammar.kind == AnswerKind::kPermutation) {
        sequence->permutation = std::make_unique<PermutationContinuation>(first, end_, options_.jump_forward);
      } else {
        sequence->free = std::make_unique<FreeContinuation>(ends_, first.request->maximum_tokens);
      }
    }
    return sequence;
  }

  void release(Sequence& sequence) {
    for (auto i = sequence.shared.size(); i < sequence.blocks.size(); ++i) state_.cache.release(sequence.blocks[i]);
    for (const auto node : sequence.shared) state_.index.release(node, state_.step);
    sequence.blocks.clear();
    sequence.shared.clear();
  }

  /// What a sequence reads in this step. `alone`: it may exceed the budget, for nothing else is in the step.
  PackedTokens next_part(Sequence& sequence, std::int64_t budget, bool alone) {
    PackedTokens part;
    part.first_slot = static_cast<std::int32_t>(sequence.read);
    part.blocks = sequence.blocks;
    if (!sequence.chunk.empty()) {
      part.tokens = std::move(sequence.chunk);
      sequence.chunk.clear();
      for (std::size_t i = 0; i < part.tokens.size(); ++i) {
        part.positions.push_back(part.first_slot + static_cast<std::int32_t>(i));
      }
      part.asked = {static_cast<std::int32_t>(part.tokens.size()) - 1};
    } else {
      const auto& tree = sequence.tree;
      const auto left = tree.size() - sequence.read;
      const auto cuttable = sequence.chain - 1 - sequence.read;  // the rest is read in one step
      auto count = left;
      if (left > budget && (cuttable > 0 || !alone)) count = std::min(budget, std::max<std::int64_t>(cuttable, 0));
      const auto begin = static_cast<std::ptrdiff_t>(sequence.read);
      const auto end = begin + count;
      part.tokens.assign(tree.tokens().begin() + begin, tree.tokens().begin() + end);
      part.positions.assign(tree.depths().begin() + begin, tree.depths().begin() + end);
      if (count == left && sequence.chain < tree.size())
        part.ends.assign(sequence.ends.begin() + begin, sequence.ends.end());
      if (count == left) part.asked = asked_slots(sequence);
    }
    sequence.read += static_cast<std::int64_t>(part.tokens.size());
    state_.account.read_tokens += static_cast<std::int64_t>(part.tokens.size());
    // Whoever comes later in this step may look at what is written in it.
    for (std::size_t i = 0; i < sequence.shared.size(); ++i) {
      if (state_.index.ready(sequence.shared[i]) == PrefixIndex::kNotYet &&
          static_cast<std::int64_t>(i + 1) * kBlockTokens <= sequence.read) {
        state_.index.set_ready(sequence.shared[i], state_.step);
      }
    }
    return part;
  }

  /// Slots of the tree, relative to the part that is read, whose states answer the requests' questions.
  static std::vector<std::int32_t> asked_slots(const Sequence& sequence) {
    std::vector<std::int32_t> asked;
    for (const auto& prepared : sequence.requests) {
      if (prepared.generates()) asked.push_back(static_cast<std::int32_t>(prepared.path.back() - sequence.read));
      for (const auto& questions : prepared.questions) {
        for (const auto& question : questions) {
          asked.push_back(static_cast<std::int32_t>(question.slot - sequence.read));
        }
      }
    }
    std::sort(asked.begin(), asked.end());
    asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
    return asked;
  }

  void consume(std::span<const PackedTokens> packed, std::span<Sequence* const> readers, const PackedStates& states) {
    const auto hidden = state_.model.config().hidden;
    const float* row = states.values.data();
    std::vector<OptionQuestions> questions;
    std::vector<std::pair<Sequence*, const float*>> writers;
    for (std::size_t i = 0; i < readers.size(); ++i) {
      auto& sequence = *readers[i];
      const auto& asked = packed[i].asked;
      if (asked.empty()) continue;
      // Behind the tree: the state of the chunk's last token.
      const bool whole_tree =
          packed[i].first_slot + static_cast<std::int64_t>(packed[i].tokens.size()) == sequence.tree.size() &&
          sequence.choices == 0;
      if (whole_tree) {
        const auto state_of = [&](std::int64_t slot) {
          const auto at = std::lower_bound(asked.begin(), asked.end(), slot - packed[i].first_slot) - asked.begin();
          return row + at * hidden;
        };
        for (auto& prepared : sequence.requests) {
          if (!prepared.options.empty()) questions.push_back({.prepared = &prepared, .scores = {}, .rows = {}});
          for (const auto& option : prepared.questions) {
            auto& rows = questions.back().rows.emplace_back();
            for (const auto& question : option) rows.push_back(state_of(question.slot));
          }
        }
        if (sequence.continuation() != nullptr) {
          writers.emplace_back(&sequence, state_of(sequence.requests.front().path.back()));
          // What is written overwrites the options that were scored.
          sequence.read = static_cast<std::int64_t>(sequence.requests.front().prompt.tokens.size());
        }
      } else {
        writers.emplace_back(&sequence, row);
      }
      row += static_cast<std::int64_t>(asked.size()) * hidden;
    }
    score_options(state_.model, questions);
    for (auto& it : questions) {
      auto& completion = completion_of(*it.prepared);
      completion.prompt_tokens = static_cast<std::int64_t>(it.prepared->prompt.tokens.size());
      set_option_scores(*it.prepared, std::move(it.scores), completion);
    }
    write_on(writers);
    finish_read();
  }

  /// The next token of every sequence that writes.
  void write_on(const std::vector<std::pair<Sequence*, const float*>>& writers) {
    std::vector<TokenChoice> choices;
    for (const auto& [sequence, state] : writers) {
      choices.push_back({.state = state,
                         .allowed = sequence->continuation()->allowed(),
                         .sampling = sequence->requests.front().request->sampling,
                         .place = sequence->choices});
    }
    choose_tokens(state_.model, vocabulary_, choices);
    for (std::size_t i = 0; i < writers.size(); ++i) {
      auto& sequence = *writers[i].first;
      ++sequence.choices;
      sequence.chunk = sequence.continuation()->take(choices[i].token, choices[i].log_probability);
    }
  }

  Completion& completion_of(const PreparedRequest& prepared) {
    return completions_[static_cast<std::size_t>(&prepared - prepared_.data())];
  }

  /// Sequences that are answered leave; then their answers are told, for whoever is told may throw.
  void finish_read() {
    std::vector<std::size_t> answered;
    std::erase_if(running_, [&](std::unique_ptr<Sequence>& it) {
      auto& sequence = *it;
      const bool writes = sequence.continuation() != nullptr;
      const bool done = writes ? sequence.choices > 0 && sequence.chunk.empty() : sequence.tree_is_read();
      if (!done) return false;
      if (writes) finish_writing(sequence);
      for (const auto& prepared : sequence.requests) {
        answered.push_back(static_cast<std::size_t>(&prepared - prepared_.data()));
      }
      release(sequence);
      return true;
    });
    for (const auto request : answered) arrived_(request);
  }

  void finish_writing(Sequence& sequence) {
    const auto& prepared = sequence.requests.front();
    auto& completion = completion_of(prepared);
    completion.prompt_tokens = static_cast<std::int64_t>(prepared.prompt.tokens.size());
    if (sequence.permutation) {
      set_permutation(prepared, sequence.permutation->order(), completion);
      completion.answer_tokens = sequence.permutation->written();
    } else {
      auto& result = sequence.free->result;
      completion.answer_tokens = static_cast<std::int64_t>(result.tokens.size()) + (result.ended ? 1 : 0);
      generated_[static_cast<std::size_t>(&prepared - prepared_.data())] = std::move(result.tokens);
    }
  }

  State& state_;
  const EngineOptions& options_;
  std::span<PreparedRequest> prepared_;
  Token end_;
  const std::vector<Token>& ends_;
  std::int64_t vocabulary_;
  std::span<Completion> completions_;
  std::span<std::vector<Token>> generated_;
  const AnswerArrival& arrived_;
  std::deque<Group> pending_;
  std::vector<std::unique_ptr<Sequence>> running_;
};

BatchEngine::BatchEngine(const PackedModel& model, const EngineOptions& options)
    : state_(std::make_unique<State>(model, options)) {}
BatchEngine::~BatchEngine() = default;
BatchEngine::BatchEngine(BatchEngine&&) noexcept = default;
BatchEngine& BatchEngine::operator=(BatchEngine&&) noexcept = default;

void BatchEngine::check(const PreparedRequest& prepared, std::size_t index) const {
  const auto needed = blocks_for(slots_of(prepared));
  if (needed <= state_->cache.total()) return;
  throw UsageError(
      fmt::format("request {}: its keys and values need {} bytes, the cache holds {} (llm.cache_megabytes)", index,
                  needed * state_->cache.block_bytes(), state_->cache.total() * state_->cache.block_bytes()));
}

void BatchEngine::answer(std::span<PreparedRequest> prepared, Token end, const std::vector<Token>& ends,
                         std::int64_t vocabulary, std::span<Completion> completions,
                         std::span<std::vector<Token>> generated, const AnswerArrival& arrived) {
  Run(*state_, prepared, end, ends, vocabulary, completions, generated, arrived).all();
}

const EngineAccount& BatchEngine::account() const { return state_->account; }

}  // namespace llama4rec::llm
