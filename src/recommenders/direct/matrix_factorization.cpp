#include "recommenders/direct/matrix_factorization.h"

namespace llama4rec::recommenders {

MatrixFactorization::MatrixFactorization(const EmbeddingSettings& settings)
    : EmbeddingRecommender(settings.with_layers(0)) {}

}  // namespace llama4rec::recommenders
