// LightGCN's training against synthesised negatives (Huang et al., MixGCF, KDD 2021).
#pragma once

#include <memory>
#include <span>
#include <string>

#include "recommenders/direct/bpr_trainer.h"

namespace llama4rec::recommenders {

struct MixGcfSettings {
  BprSettings bpr;                      ///< layers > 0
  const BprSampler* sampler = nullptr;  ///< not null; draws the candidates; outlives the trainer
  std::int64_t candidates = 64;         ///< n, per sample
  double dropout = 0.1;                 ///< of the propagated embeddings, value by value
  std::uint64_t seed = 1;
};

/// With e_k the embeddings at layer k (e_0 = e, e_k = dropout(A e_{k-1})) and f their mean over the layers, a sample (u, i) has as its
/// negative n = mean over k of m_k, where m_k is the candidate j with the largest f_u . m_kj (hop mixing, eq. 8 and 9) among
///   m_kj = a * e_k,i + (1 - a) * e_k,j, with a drawn from U(0, 1) for every value (positive mixing, eq. 7).
/// The loss of a batch is 1/B * sum of [ w * -ln sigmoid(f_u . (f_i - n)) + regularization / 2 * (|e_u|^2 + |e_i|^2 + |e_j|^2) ], j the
/// candidate of layer 0. A pair from data augmentation keeps its own item as the only candidate, unmixed (paper, eq. 2).
std::unique_ptr<BprTrainer> make_fast_mixgcf_trainer(const MixGcfSettings& settings, std::span<const float> initial);
std::unique_ptr<BprTrainer> make_plain_mixgcf_trainer(const MixGcfSettings& settings, std::span<const float> initial,
                                                      const std::string& device);

}  // namespace llama4rec::recommenders
