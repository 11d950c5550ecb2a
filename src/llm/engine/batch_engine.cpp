#include "llm/engine/batch_engine.h"

#include <algorithm>
#include <deque>
#include <ranges>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "llm/engine/prefix_index.h"
#include "llm/engine/token_choice.h"
#include "llm/tree_reader.h"

namespace llama4rec::llm {

struct BatchEngine::State {
  State(const PackedModel& packed, const Tokenizer& its_tokenizer, const EngineOptions& engine_options)
      : model(packed),
        tokenizer(its_tokenizer),
        options(engine_options),
        cache(packed.config(), cache_precision(packed.precision()), engine_options.cache_megabytes << 20U),
        index(cache) {}

  void add(EngineBatch& batch) {
    batch.missing = batch.prepared.size();
    const auto most = std::min(options.step_tokens, cache.total() * kBlockTokens);
    for (const auto& group : group_requests(batch, options.share_prefixes, most)) pending.push_back(group);
  }

  void cancel(const EngineBatch& batch) {
    std::erase_if(pending, [&](const RequestGroup& group) { return group.batch == &batch; });
    std::erase_if(running, [&](const std::unique_ptr<Sequence>& sequence) {
      if (sequence->batch != &batch) return false;
      release(*sequence);
      return true;
    });
  }

  void step() {
    if (pending.empty() && running.empty()) return;
    ++now;
    ++account.steps;
    std::vector<PackedTokens> packed;
    std::vector<Sequence*> readers;
    std::int64_t budget = options.step_tokens;
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
    for (auto& sequence : running) {
      if (sequence->tree_is_read()) add(*sequence);
    }
    for (auto& sequence : running) {
      if (!sequence->tree_is_read() && budget > 0) add(*sequence);
    }
    while (budget > 0 && !waiting && !pending.empty() &&
           static_cast<std::int64_t>(running.size()) < options.most_sequences) {
      auto sequence = admit(pending.front());
      if (!sequence) break;
      pending.pop_front();
      running.push_back(std::move(sequence));
      add(*running.back());
    }
    if (packed.empty()) throw InternalError("the engine has requests left but nothing to read");
    const auto states = model.read(packed, cache);
    account.most_blocks = cache.most_held();
    account.evicted_blocks = index.evictions();
    consume(packed, readers, states);
  }

  /// A sequence with all the blocks that it will need, or null where they are not free, or what it begins with is being read just now.
  std::unique_ptr<Sequence> admit(const RequestGroup& group) {
    auto sequence = std::make_unique<Sequence>();
    sequence->batch = group.batch;
    sequence->requests = group.batch->prepared.subspan(group.first, group.count);
    auto built = build_tree(sequence->requests, tokenizer.end_token());
    sequence->tree = std::move(built.tree);
    sequence->ends = sequence->tree.subtree_ends();
    const auto size = sequence->tree.size();
    while (sequence->chain < size && sequence->ends[static_cast<std::size_t>(sequence->chain)] == size) {
      ++sequence->chain;
    }
    // Options that begin alike are behind all prompts' ends: what is asked there must be read in one part with them.
    for (const auto& request : sequence->requests) sequence->chain = std::min(sequence->chain, request.path.back() + 1);
    const auto& first = sequence->requests.front();
    const auto slots = first.generates() ? std::max(size, slots_of(first)) : size;
    const std::span<const Token> tokens(sequence->tree.tokens());
    const auto block_tokens = [&](std::int64_t block) {
      return tokens.subspan(static_cast<std::size_t>(block * kBlockTokens), static_cast<std::size_t>(kBlockTokens));
    };
    // The chain's last token is always read: its state is asked for.
    const auto whole = options.share_prefixes ? sequence->chain / kBlockTokens : 0;
    const auto reusable = options.share_prefixes ? (sequence->chain - 1) / kBlockTokens : 0;
    auto parent = PrefixIndex::kRoot;
    for (std::int64_t block = 0; block < reusable; ++block) {
      const auto node = index.find(parent, block_tokens(block));
      if (node == PrefixIndex::kRoot) break;
      if (index.ready(node) > now) {
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
    if (cache.free() + index.unused() < needed) {
      release(*sequence);
      return nullptr;
    }
    sequence->read = found * kBlockTokens;
    account.shared_tokens += sequence->read;
    for (std::int64_t i = 0; i < needed; ++i) {
      if (cache.free() == 0 && !index.evict()) throw InternalError("no block of the cache can be given back");
      sequence->blocks.push_back(cache.take());
    }
    for (std::int64_t block = found; block < whole; ++block) {
      if (index.find(parent, block_tokens(block)) != PrefixIndex::kRoot) break;  // the last block of an equal prompt
      parent = index.insert(parent, block_tokens(block), sequence->blocks[static_cast<std::size_t>(block)]);
      sequence->shared.push_back(parent);
    }
    if (first.generates()) {
      if (first.request->grammar.kind == AnswerKind::kPermutation) {
        sequence->permutation =
            std::make_unique<PermutationContinuation>(first, tokenizer.end_token(), options.jump_forward);
      } else {
        sequence->free = std::make_unique<FreeContinuation>(tokenizer.end_tokens(), first.request->maximum_tokens);
      }
    }
    return sequence;
  }

  void release(Sequence& sequence) {
    for (auto i = sequence.shared.size(); i < sequence.blocks.size(); ++i) cache.release(sequence.blocks[i]);
    // Leaves first. What a cancelled prompt never came to read is nobody's.
    for (const auto node : std::ranges::reverse_view(sequence.shared)) {
      if (index.ready(node) == PrefixIndex::kNotYet) {
        index.forget(node);
      } else {
        index.release(node, now);
      }
    }
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
      if (count == left) part.asked = sequence.asked_slots();
    }
    sequence.read += static_cast<std::int64_t>(part.tokens.size());
    account.read_tokens += static_cast<std::int64_t>(part.tokens.size());
    // Whoever comes later in this step may look at what is written in it.
    for (std::size_t i = 0; i < sequence.shared.size(); ++i) {
      if (index.ready(sequence.shared[i]) == PrefixIndex::kNotYet &&
          static_cast<std::int64_t>(i + 1) * kBlockTokens <= sequence.read) {
        index.set_ready(sequence.shared[i], now);
      }
    }
    return part;
  }

  void consume(std::span<const PackedTokens> packed, std::span<Sequence* const> readers, const PackedStates& states) {
    const auto hidden = model.config().hidden;
    const float* row = states.values.data();
    std::vector<OptionQuestions> questions;
    std::vector<Completion*> scored;  // by question
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
          if (!prepared.options.empty()) {
            questions.push_back({.prepared = &prepared, .scores = {}, .rows = {}});
            scored.push_back(&sequence.batch->answer_of(prepared).completion);
          }
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
    score_options(model, questions);
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const auto& prepared = *questions[i].prepared;
      scored[i]->prompt_tokens = static_cast<std::int64_t>(prepared.prompt.tokens.size());
      set_option_scores(prepared, std::move(questions[i].scores), *scored[i]);
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
    choose_tokens(model, tokenizer.vocabulary(), choices);
    for (std::size_t i = 0; i < writers.size(); ++i) {
      auto& sequence = *writers[i].first;
      ++sequence.choices;
      sequence.chunk = sequence.continuation()->take(choices[i].token, choices[i].log_probability);
      const auto& batch = *sequence.batch;
      if (batch.wrote && sequence.free && !sequence.free->result.ended) {
        batch.wrote(batch.place_of(sequence.requests.front()), choices[i].token, choices[i].log_probability);
      }
    }
  }

  /// Sequences that are answered leave; then their answers are told, for whoever is told may throw.
  void finish_read() {
    std::vector<std::pair<EngineBatch*, std::size_t>> answered;
    std::erase_if(running, [&](std::unique_ptr<Sequence>& it) {
      auto& sequence = *it;
      const bool writes = sequence.continuation() != nullptr;
      const bool done = writes ? sequence.choices > 0 && sequence.chunk.empty() : sequence.tree_is_read();
      if (!done) return false;
      if (writes) finish_writing(sequence);
      for (const auto& prepared : sequence.requests) {
        answered.emplace_back(sequence.batch, sequence.batch->place_of(prepared));
      }
      release(sequence);
      return true;
    });
    for (const auto& [batch, place] : answered) {
      --batch->missing;
      batch->arrived(place);
    }
  }

  void finish_writing(Sequence& sequence) {
    const auto& prepared = sequence.requests.front();
    auto& answer = sequence.batch->answer_of(prepared);
    auto& completion = answer.completion;
    completion.prompt_tokens = static_cast<std::int64_t>(prepared.prompt.tokens.size());
    if (sequence.permutation) {
      set_permutation(prepared, sequence.permutation->order(), completion);
      completion.answer_tokens = sequence.permutation->written();
    } else {
      answer.generated = std::move(sequence.free->result);
      completion.answer_tokens =
          static_cast<std::int64_t>(answer.generated.tokens.size()) + (answer.generated.ended ? 1 : 0);
    }
  }

  const PackedModel& model;
  const Tokenizer& tokenizer;
  EngineOptions options;
  BlockCache cache;
  PrefixIndex index;
  EngineAccount account;
  std::int64_t now = 0;  ///< steps so far
  std::deque<RequestGroup> pending;
  std::vector<std::unique_ptr<Sequence>> running;
};

BatchEngine::BatchEngine(const PackedModel& model, const Tokenizer& tokenizer, const EngineOptions& options)
    : state_(std::make_unique<State>(model, tokenizer, options)) {}
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

void BatchEngine::add(EngineBatch& batch) { state_->add(batch); }
bool BatchEngine::idle() const { return state_->pending.empty() && state_->running.empty(); }
void BatchEngine::step() { state_->step(); }
void BatchEngine::cancel(const EngineBatch& batch) { state_->cancel(batch); }

EngineAccount BatchEngine::account() const {
  auto account = state_->account;
  account.used_blocks = state_->cache.total() - state_->cache.free() - state_->index.unused();
  return account;
}

}  // namespace llama4rec::llm
