#include "recommenders/train_options.h"

namespace llama4rec::recommenders {

void TrainOptions::declare(config::OptionVisitor& visit) {
  visit.option("train.epochs", epochs, config::between(1, 1'000'000), "Most passes over the training data.");
  visit.option("train.batch_size", batch_size, config::between(1, 10'000'000), "Samples per gradient step.");
  visit.option("train.learning_rate", learning_rate, config::between(1e-9, 10), "Learning rate of Adam.");
  visit.option("train.patience", patience, config::at_least(1),
               "Epochs without a better validation score after which training stops.");
  visit.option("train.validate_every", validate_every, config::at_least(1), "Epochs between two validations.");
  visit.option("train.embedding", embedding, config::between(1, 4096), "Dimension of user and item embeddings.");
  visit.option("train.regularization", regularization, config::between(0, 1000),
               "Weight of the L2 norm of the embeddings in a batch, per sample.");
  visit.option("train.kernels", kernels, config::one_of({"fast", "plain"}),
               "Own CPU kernels, or libtorch operators with autograd (always used on CUDA).");
}

void PairOptions::declare(config::OptionVisitor& visit) {
  visit.option("augmentation.pair_weight", pair_weight, config::between(0, 1000),
               "Weight in the loss of one pair from data augmentation, where an observed interaction has 1.",
               "III-B, eq. 2");
}

}  // namespace llama4rec::recommenders
