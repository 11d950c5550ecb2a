#include <llama4rec/provenance.h>

#include <bit>
#include <stdexcept>

namespace llama4rec {
namespace {

constexpr std::int64_t kBits = 64;

void require_same_universe(const InteractionSet& a, const InteractionSet& b) {
  if (a.universe() != b.universe()) throw std::logic_error("interaction sets of different data sets");
}

}  // namespace

InteractionSet::InteractionSet(std::int64_t size)
    : size_(size), words_(static_cast<std::size_t>((size + kBits - 1) / kBits), 0) {}

void InteractionSet::insert(InteractionIndex interaction) {
  if (interaction < 0 || interaction >= size_) throw std::out_of_range("interaction outside of its data set");
  words_[static_cast<std::size_t>(interaction / kBits)] |= std::uint64_t{1}
                                                           << static_cast<unsigned>(interaction % kBits);
}

void InteractionSet::erase(InteractionIndex interaction) {
  if (interaction < 0 || interaction >= size_) throw std::out_of_range("interaction outside of its data set");
  words_[static_cast<std::size_t>(interaction / kBits)] &=
      ~(std::uint64_t{1} << static_cast<unsigned>(interaction % kBits));
}

bool InteractionSet::contains(InteractionIndex interaction) const {
  if (interaction < 0 || interaction >= size_) return false;
  return ((words_[static_cast<std::size_t>(interaction / kBits)] >> static_cast<unsigned>(interaction % kBits)) & 1U) !=
         0;
}

std::int64_t InteractionSet::count() const {
  std::int64_t total = 0;
  for (const auto word : words_) total += std::popcount(word);
  return total;
}

InteractionSet& InteractionSet::operator|=(const InteractionSet& other) {
  require_same_universe(*this, other);
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  return *this;
}

InteractionSet& InteractionSet::operator-=(const InteractionSet& other) {
  require_same_universe(*this, other);
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
  return *this;
}

InteractionIndex InteractionSet::first_common(const InteractionSet& other) const {
  require_same_universe(*this, other);
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const std::uint64_t common = words_[i] & other.words_[i];
    if (common != 0) return static_cast<InteractionIndex>(i) * kBits + std::countr_zero(common);
  }
  return -1;
}

std::vector<InteractionIndex> InteractionSet::members() const {
  std::vector<InteractionIndex> result;
  result.reserve(static_cast<std::size_t>(count()));
  for (std::size_t i = 0; i < words_.size(); ++i) {
    for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
      result.push_back(static_cast<InteractionIndex>(i) * kBits + std::countr_zero(word));
    }
  }
  return result;
}

}  // namespace llama4rec
