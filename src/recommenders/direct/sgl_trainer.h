// LightGCN's training with a contrastive term between two perturbed graphs (Wu et al., SGL, SIGIR 2021).
#pragma once

#include <memory>
#include <span>
#include <string>

#include "recommenders/direct/bpr_trainer.h"
#include "recommenders/direct/graph_views.h"

namespace llama4rec::recommenders {

struct SglSettings {
  BprSettings bpr;  ///< layers > 0
  ViewSettings views;
  double weight = 0.1;       ///< lambda_1 of eq. 11
  double temperature = 0.2;  ///< of InfoNCE
  bool joint = false;        ///< one InfoNCE over users and items together in place of one for each
};

/// The loss of a batch is bpr_trainer.h's plus `weight` times InfoNCE between the two views of the epoch, over the batch's distinct users and
/// over its distinct preferred items. A view's embeddings are the mean over its layers, as LightGCN's.
std::unique_ptr<BprTrainer> make_fast_sgl_trainer(const SglSettings& settings, std::span<const float> initial);
std::unique_ptr<BprTrainer> make_plain_sgl_trainer(const SglSettings& settings, std::span<const float> initial,
                                                   const std::string& device);

}  // namespace llama4rec::recommenders
