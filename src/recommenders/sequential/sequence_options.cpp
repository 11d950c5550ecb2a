#include "recommenders/sequential/sequence_options.h"

namespace llama4rec::recommenders {

void SequenceOptions::declare(config::OptionVisitor& visit) {
  visit.option("sequence.layers", layers, config::between(1, 64), "Layers of attention of a sequence model.");
  visit.option("sequence.heads", heads, config::between(1, 64), "Heads of attention; they divide train.embedding.");
  visit.option("sequence.expansion", expansion, config::between(1, 16),
               "Inner size of the feed-forward layers, in multiples of train.embedding (SASRec's paper has 1).");
  visit.option("sequence.length", length, config::between(2, 4096), "Most items that a sequence model sees at once.");
  visit.option("sequence.dropout", dropout, config::between(0, 0.95),
               "Share of the values that dropout sets to zero in training.");
  visit.option("sequence.batch_size", batch_size, config::between(1, 1'000'000),
               "Sequences per gradient step (train.batch_size counts interactions and is not used).");
  visit.option("sequence.windows", windows, config::one_of({"all", "last"}),
               "Training sequences of a longer history: pieces that cover all of it, or its end alone.");
}

}  // namespace llama4rec::recommenders
