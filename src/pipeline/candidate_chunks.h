// Long candidate lists in pieces that one prompt can hold, and their orders put together again (the paper's remedy, section IV-B).
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/language_model_ranking.h"

namespace llama4rec::pipeline {

/// Deals the candidates 0..count-1, in the backbone's order, to as few chunks of at most `size` as there have to be, in turn, so that each has its
/// share of the upper and the lower ranks; ascending within a chunk.
std::vector<CandidateOrder> deal_chunks(std::int64_t count, std::int64_t size);

/// What one prompt asks of `question`: its candidates at `positions` alone.
prompts::RankingCase chunk_of(const prompts::RankingCase& question, const CandidateOrder& positions);

/// All candidates by their place in their chunk's order; in the same place: the backbone's order. `orders[c]` are positions in `chunks[c]`.
CandidateOrder merge_by_place(const std::vector<CandidateOrder>& chunks, const std::vector<CandidateOrder>& orders);

}  // namespace llama4rec::pipeline
