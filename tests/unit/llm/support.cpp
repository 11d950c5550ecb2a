#include "unit/llm/support.h"

#include <unistd.h>

#include <cstdlib>

#include "core/atomic_file.h"
#include "core/random.h"
#include "llm/sentencepiece_tokenizer.h"

namespace llama4rec::llm::testing {

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "llama4rec_llm_XXXXXX").string();
  path_ = mkdtemp(name.data());
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::permissions(path_, std::filesystem::perms::owner_all, ignored);
  std::filesystem::remove_all(path_, ignored);
}

const std::vector<std::string>& titles() {
  static const std::vector<std::string> all = {"Star Wars (1977)",
                                               "Star Wars (1977); Special Edition",
                                               "Fargo (1996)",
                                               "Good, The Bad and The Ugly, The (1966)",
                                               "Toy Story (1995)",
                                               "M*A*S*H (1970)",
                                               "Alien",
                                               "Aliens",
                                               "Alien 3",
                                               "Caf\xC3\xA9 au lait (1993)"};
  return all;
}

namespace {

std::vector<std::pair<std::string, std::int64_t>> weighted_titles() {
  std::vector<std::pair<std::string, std::int64_t>> weighted;
  for (const auto& title : titles()) weighted.emplace_back(title, 20);
  weighted.emplace_back("The user liked these movies, oldest first:", 3);
  return weighted;
}

}  // namespace

std::filesystem::path small_tokenizer_file(const TemporaryFolder& folder) {
  const auto file = folder / "tokenizer.model";
  ModelOptions options;
  options.vocabulary = 700;
  train_tokenizer(weighted_titles(), options, 1, file);
  return file;
}

const Tokenizer& small_tokenizer() {
  static const SentencePieceTokenizer tokenizer = [] {
    const TemporaryFolder folder;
    return SentencePieceTokenizer(read_file(small_tokenizer_file(folder)), "small");
  }();
  return tokenizer;
}

ModelOptions tiny_options() {
  ModelOptions options;
  options.hidden = 32;
  options.intermediate = 48;
  options.layers = 2;
  options.heads = 4;
  options.key_value_heads = 2;
  options.context = 128;
  options.dropout = 0;
  return options;
}

ModelConfig tiny_config(std::int64_t vocabulary, std::int64_t heads, std::int64_t key_value_heads, bool tied) {
  return {.vocabulary = vocabulary,
          .hidden = heads * 6,
          .intermediate = 20,
          .layers = 2,
          .heads = heads,
          .key_value_heads = key_value_heads,
          .context = 160,
          .tied = tied};
}

void widen_weights(Transformer& model, double deviation, std::uint64_t seed) {
  const torch::NoGradGuard no_grad;
  RandomStream random(seed, "test.weights");
  for (auto [name, weight] : model.parameters()) {
    auto values = torch::empty(weight.sizes(), torch::kFloat32);
    const double mean = weight.dim() == 1 ? 1 : 0;
    for (std::int64_t i = 0; i < values.numel(); ++i) {
      values.data_ptr<float>()[i] = static_cast<float>(mean + deviation * random.normal());
    }
    weight.copy_(values);
  }
}

}  // namespace llama4rec::llm::testing
