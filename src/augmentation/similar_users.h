// The most similar user by the recommender's embeddings (paper, eq. 3).
#pragma once

#include <cstdint>
#include <vector>

#include <llama4rec/dataset.h>

#include "tensor/torch.h"

namespace llama4rec::augmentation {

/// For each row of `embeddings` [users, dimension] the index of another row with the highest cosine similarity, among rows whose
/// `eligible` is true; -1 where there is none. Ties: the smaller index. Rows of zeros are similar to nobody. Works in tiles:
/// the matrix of all similarities never exists.
std::vector<std::int64_t> most_similar(const torch::Tensor& embeddings, const std::vector<bool>& eligible);

}  // namespace llama4rec::augmentation
