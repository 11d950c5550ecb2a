#include "llm/bpe_training.h"

#include <algorithm>
#include <queue>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace llama4rec::llm {
namespace {

constexpr std::size_t kFixedPieces = 3 + 256;

using Symbol = std::int32_t;
using Pair = std::pair<Symbol, Symbol>;

/// The characters of a text, blanks as U+2581.
std::vector<std::string> characters_of(std::string_view text) {
  std::vector<std::string> characters;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    characters.emplace_back(text[at] == ' ' ? kBlankMark : text.substr(at, end - at));
    at = end;
  }
  return characters;
}

/// Characters by weight, the heaviest first, at most `limit`.
std::vector<std::string> frequent_characters(const std::map<std::string, std::int64_t>& texts, std::size_t limit) {
  std::map<std::string, std::int64_t> weights;
  for (const auto& [text, weight] : texts) {
    for (const auto& character : characters_of(text)) weights[character] += weight;
  }
  std::vector<std::pair<std::int64_t, std::string>> sorted;
  for (const auto& [character, weight] : weights) sorted.emplace_back(-weight, character);
  std::sort(sorted.begin(), sorted.end());
  sorted.resize(std::min(limit, sorted.size()));
  std::vector<std::string> characters;
  for (auto& [weight, character] : sorted) characters.push_back(std::move(character));
  return characters;
}

/// Texts as sequences of symbols, with the weight of every pair of neighbours kept up to date.
class MergeTable {
 public:
  explicit MergeTable(std::int64_t piece_length) : piece_length_(piece_length) {}

  Symbol add_symbol(const std::string& text, std::int64_t length) {
    const auto [known, added] = symbol_of_.emplace(text, static_cast<Symbol>(texts_.size()));
    if (added) {
      texts_.push_back(text);
      lengths_.push_back(length);
    }
    return known->second;
  }
  void add_sequence(std::vector<Symbol> symbols, std::int64_t weight) {
    sequences_.push_back({std::move(symbols), weight});
    count(sequences_.size() - 1, 1);
  }
  void start() {
    for (const auto& [pair, entry] : pairs_) offer(pair);
  }
  /// Merges the best pair everywhere; the text of the new piece, or empty when no pair is left.
  std::string merge_best() {
    while (!queue_.empty()) {
      const auto best = queue_.top();
      queue_.pop();
      const auto found = pairs_.find(best.pair);
      if (found == pairs_.end() || found->second.weight != best.weight) continue;  // outdated
      apply(best.pair, add_symbol(best.text, best.length));
      return best.text;
    }
    return "";
  }

 private:
  struct Sequence {
    std::vector<Symbol> symbols;
    std::int64_t weight = 0;
  };
  struct Entry {
    std::int64_t weight = 0;
    std::set<std::size_t> sequences;  ///< where it may occur; sorted, so that the order of work is fixed
  };
  struct Candidate {
    std::int64_t weight = 0;
    std::int64_t length = 0;
    std::string text;
    Pair pair;
    bool operator<(const Candidate& other) const {  // the best comes out of the queue first
      if (weight != other.weight) return weight < other.weight;
      if (length != other.length) return length > other.length;
      if (text != other.text) return text > other.text;
      return pair > other.pair;
    }
  };

  void offer(const Pair& pair) {
    const auto found = pairs_.find(pair);
    if (found == pairs_.end() || found->second.weight <= 0) return;
    const auto left = static_cast<std::size_t>(pair.first);
    const auto right = static_cast<std::size_t>(pair.second);
    const auto length = lengths_[left] + lengths_[right];
    if (length > piece_length_) return;
    queue_.push({.weight = found->second.weight, .length = length, .text = texts_[left] + texts_[right], .pair = pair});
  }

  void count(std::size_t index, std::int64_t sign) {
    const auto& sequence = sequences_[index];
    for (std::size_t i = 0; i + 1 < sequence.symbols.size(); ++i) {
      auto& entry = pairs_[{sequence.symbols[i], sequence.symbols[i + 1]}];
      entry.weight += sign * sequence.weight;
      if (sign > 0) entry.sequences.insert(index);
    }
  }

  void apply(const Pair& pair, Symbol merged) {
    const auto places = pairs_.at(pair).sequences;
    std::set<Pair> changed;
    const auto note = [&](const std::vector<Symbol>& symbols) {
      for (std::size_t i = 0; i + 1 < symbols.size(); ++i) changed.insert({symbols[i], symbols[i + 1]});
    };
    for (const auto index : places) {
      auto& symbols = sequences_[index].symbols;
      note(symbols);
      count(index, -1);
      std::vector<Symbol> shorter;
      for (std::size_t i = 0; i < symbols.size(); ++i) {
        const bool here = i + 1 < symbols.size() && Pair(symbols[i], symbols[i + 1]) == pair;
        shorter.push_back(here ? merged : symbols[i]);
        if (here) ++i;
      }
      symbols = std::move(shorter);
      count(index, 1);
      note(symbols);
    }
    pairs_.erase(pair);
    for (const auto& other : changed) offer(other);
  }

  std::int64_t piece_length_;
  std::vector<std::string> texts_;     // by symbol
  std::vector<std::int64_t> lengths_;  // by symbol, in characters
  std::unordered_map<std::string, Symbol> symbol_of_;
  std::vector<Sequence> sequences_;
  std::map<Pair, Entry> pairs_;
  std::priority_queue<Candidate> queue_;
};

/// Fills the table; texts are cut where a character has no symbol.
void fill(MergeTable& table, const std::map<std::string, std::int64_t>& texts,
          const std::vector<std::string>& characters) {
  std::unordered_map<std::string, Symbol> symbols;
  for (const auto& character : characters) symbols[character] = table.add_symbol(character, 1);
  for (const auto& [text, weight] : texts) {
    std::vector<Symbol> sequence;
    for (const auto& character : characters_of(text)) {
      const auto known = symbols.find(character);
      if (known != symbols.end()) {
        sequence.push_back(known->second);
        continue;
      }
      if (!sequence.empty()) table.add_sequence(std::exchange(sequence, {}), weight);
    }
    if (!sequence.empty()) table.add_sequence(std::move(sequence), weight);
  }
  table.start();
}

}  // namespace

SentencePieceModel train_bpe(const std::map<std::string, std::int64_t>& texts, std::int64_t vocabulary,
                             std::int64_t piece_length) {
  SentencePieceModel model;
  model.pieces = {{.text = "<unk>", .type = PieceType::kUnknown},
                  {.text = "<s>", .type = PieceType::kControl},
                  {.text = "</s>", .type = PieceType::kControl}};
  for (int byte = 0; byte < 256; ++byte) {
    model.pieces.push_back({.text = fmt::format("<0x{:02X}>", byte), .type = PieceType::kByte});
  }
  const auto room = static_cast<std::size_t>(vocabulary) - kFixedPieces;
  const auto characters = frequent_characters(texts, std::max<std::size_t>(1, room / 2));
  MergeTable table(piece_length);
  fill(table, texts, characters);
  std::set<std::string> seen(characters.begin(), characters.end());
  float score = 0;
  while (model.pieces.size() + characters.size() < static_cast<std::size_t>(vocabulary)) {
    const auto text = table.merge_best();
    if (text.empty()) break;
    // Another way to a piece that exists already: its first score stands.
    if (seen.insert(text).second) model.pieces.push_back({.text = text, .score = score--});
  }
  for (const auto& character : characters) model.pieces.push_back({.text = character, .score = score--});
  return model;
}

}  // namespace llama4rec::llm
