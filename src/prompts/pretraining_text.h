// Text that a small model is pre-trained on: histories as text, item facts as text.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <llama4rec/dataset.h>
#include <llama4rec/provenance.h>

#include "config/options.h"
#include "llm/training_text.h"
#include "prompts/item_texts.h"
#include "prompts/templates.h"

namespace llama4rec::prompts {

struct PretrainingTextOptions {
  std::int64_t crop_items = 90;
  double drop_items = 0.1;
  double shuffle_ties = 1;
  double rating_share = 0.2;
  bool item_facts = true;
  void declare(config::OptionVisitor& visit);
};

/// Draws an epoch's texts. Every user's liked items (ratings at or above the threshold) become "liked: A; B; ...", cut at
/// random whole items into pieces; equal timestamps are shuffled (pretraining.shuffle_ties) and some items dropped, anew each epoch. For a share of the users
/// the rating history ("ratings: A: 4; ...") follows in the same way; with `item_facts` also one line per item and epoch.
class PretrainingText {
 public:
  /// `allowed`: the interactions that text may be made of (their union is the text's provenance).
  PretrainingText(const Dataset& dataset, InteractionSet allowed, float positive_threshold, const ItemTexts& texts,
                  const Templates& templates, const PretrainingTextOptions& options, std::uint64_t seed);

  [[nodiscard]] std::vector<llm::TrainingText> epoch(std::int64_t epoch) const;
  [[nodiscard]] const Provenance& provenance() const { return provenance_; }
  /// Texts with weights for the tokeniser: titles by how often they occur in the text, fixed texts, attributes.
  [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> tokenizer_texts() const;

 private:
  [[nodiscard]] std::vector<RatedItem> history_of_epoch(UserIndex user, bool liked_only, std::uint64_t epoch) const;
  [[nodiscard]] std::vector<std::string> facts(ItemIndex item) const;

  const Dataset* dataset_;
  float positive_threshold_;
  const ItemTexts* texts_;
  const Templates* templates_;
  PretrainingTextOptions options_;
  std::uint64_t seed_;
  Provenance provenance_;
};

}  // namespace llama4rec::prompts
