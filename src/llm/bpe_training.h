// Byte-pair encoding (Sennrich et al., 2016) over weighted texts: which neighbours become one piece.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "llm/sentencepiece_model.h"

namespace llama4rec::llm {

/// Trains a model of at most `vocabulary` pieces, none longer than `piece_length` characters: the three control pieces, 256 bytes,
/// merges (most frequent first; of equally frequent ones the shorter, then the smaller text), single characters. Characters may take half
/// of the room; the rarest beyond that are left to the bytes. Fewer pieces where the texts support no more. Blanks are ordinary
/// characters: pieces may span them. `texts` are valid UTF-8 with their weights.
SentencePieceModel train_bpe(const std::map<std::string, std::int64_t>& texts, std::int64_t vocabulary,
                             std::int64_t piece_length);

}  // namespace llama4rec::llm
