#include "llm/bench/bench_model.h"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "llm/checkpoint.h"
#include "llm/checkpoint_description.h"
#include "llm/lora/adapter_files.h"
#include "llm/sentencepiece_tokenizer.h"
#include "llm/tokenizer_files.h"

namespace llama4rec::llm {
namespace {

constexpr const char* kTokenizerFile = "tokenizer.model";

std::filesystem::path make_temporary_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "llama4rec_bench_XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw InternalError("cannot create a folder like " + name);
  return name;
}

}  // namespace

BenchModel BenchModel::of_checkpoint(const std::filesystem::path& folder) {
  BenchModel model;
  model.adapters_ = is_adapter_folder(folder);
  const auto base = model.adapters_ ? read_adapter_config(folder).base : folder;
  model.config_ = read_checkpoint_config(base);
  model.tokenizer_ = load_tokenizer(base, model.config_);
  model.checkpoint_ = folder;
  model.name_ = checkpoint_name(folder);
  return model;
}

BenchModel BenchModel::of_shape(const BenchShape& shape) {
  BenchModel model;
  model.temporary_ = make_temporary_folder();
  const auto file = model.temporary_ / kTokenizerFile;
  model.titles_.write_tokenizer(shape.options.vocabulary, file);
  model.config_ = shape.config();
  model.tokenizer_ = std::make_unique<SentencePieceTokenizer>(read_file(file), file.string());
  model.shape_ = shape;
  model.name_ = shape.name;
  return model;
}

BenchModel::~BenchModel() {
  std::error_code ignored;
  if (!temporary_.empty()) std::filesystem::remove_all(temporary_, ignored);
}

BenchModel::BenchModel(BenchModel&& other) noexcept
    : name_(std::move(other.name_)),
      config_(std::move(other.config_)),
      titles_(std::move(other.titles_)),
      tokenizer_(std::move(other.tokenizer_)),
      checkpoint_(std::move(other.checkpoint_)),
      adapters_(other.adapters_),
      shape_(std::move(other.shape_)),
      temporary_(std::exchange(other.temporary_, {})) {}

Transformer BenchModel::transformer() const {
  if (shape_) return {config_, 1, torch::kCPU};
  if (!adapters_) return read_checkpoint(checkpoint_, config_, torch::kCPU);
  const auto adapter = read_adapter_config(checkpoint_);
  auto merged = read_checkpoint(adapter.base, config_, torch::kCPU);
  read_adapters(checkpoint_, adapter, config_, torch::kCPU).merge_into(merged);
  return merged;
}

std::unique_ptr<EmbeddedLlm> BenchModel::trainable() const {
  return shape_ ? EmbeddedLlm::create(temporary_ / kTokenizerFile, shape_->options, 1, torch::kCPU)
                : EmbeddedLlm::load(checkpoint_, torch::kCPU);
}

}  // namespace llama4rec::llm
