#include "pipeline/candidate_chunks.h"

#include <algorithm>

#include <llama4rec/error.h>

namespace llama4rec::pipeline {

std::vector<CandidateOrder> deal_chunks(std::int64_t count, std::int64_t size) {
  const std::int64_t number = std::max<std::int64_t>(1, (count + size - 1) / size);
  std::vector<CandidateOrder> chunks(static_cast<std::size_t>(number));
  for (std::int64_t candidate = 0; candidate < count; ++candidate) {
    chunks[static_cast<std::size_t>(candidate % number)].push_back(candidate);
  }
  return chunks;
}

prompts::RankingCase chunk_of(const prompts::RankingCase& question, const CandidateOrder& positions) {
  prompts::RankingCase piece = question;
  piece.ranked.clear();
  for (const auto position : positions) piece.ranked.push_back(question.ranked[static_cast<std::size_t>(position)]);
  return piece;
}

CandidateOrder merge_by_place(const std::vector<CandidateOrder>& chunks, const std::vector<CandidateOrder>& orders) {
  if (chunks.size() != orders.size()) throw InternalError("chunks and orders of different numbers");
  CandidateOrder merged;
  std::size_t longest = 0;
  for (const auto& chunk : chunks) longest = std::max(longest, chunk.size());
  for (std::size_t place = 0; place < longest; ++place) {
    const auto first = static_cast<std::ptrdiff_t>(merged.size());
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      if (place < orders[c].size()) merged.push_back(chunks[c].at(static_cast<std::size_t>(orders[c][place])));
    }
    std::sort(merged.begin() + first, merged.end());
  }
  return merged;
}

}  // namespace llama4rec::pipeline
