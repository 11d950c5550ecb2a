#include "recommenders/direct/matrix_factorization.h"

#include <utility>

namespace llama4rec::recommenders {
namespace {

EmbeddingSettings without_layers(EmbeddingSettings settings) {
  settings.layers = 0;
  return settings;
}

}  // namespace

MatrixFactorization::MatrixFactorization(EmbeddingSettings settings)
    : EmbeddingRecommender(without_layers(std::move(settings))) {}

}  // namespace llama4rec::recommenders
