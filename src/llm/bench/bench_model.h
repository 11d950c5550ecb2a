// What is measured: a checkpoint, or random weights of a shape with a tokeniser of invented titles.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "llm/bench/model_shapes.h"
#include "llm/bench/synthetic_titles.h"
#include "llm/embedded_llm.h"
#include "llm/tokenizer.h"
#include "llm/transformer.h"

namespace llama4rec::llm {

/// Nothing large is in memory until it is asked for, and what is asked for is the caller's. On the CPU.
class BenchModel {
 public:
  /// A checkpoint, or adapters with their base. DataError where the folder is neither.
  static BenchModel of_checkpoint(const std::filesystem::path& folder);
  static BenchModel of_shape(const BenchShape& shape);
  ~BenchModel();
  BenchModel(BenchModel&& other) noexcept;
  BenchModel& operator=(BenchModel&&) = delete;
  BenchModel(const BenchModel&) = delete;
  BenchModel& operator=(const BenchModel&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const ModelConfig& config() const { return config_; }
  [[nodiscard]] const SyntheticTitles& titles() const { return titles_; }
  [[nodiscard]] const Tokenizer& tokenizer() const { return *tokenizer_; }
  [[nodiscard]] Transformer transformer() const;
  /// The same to be trained; a shape's output matrix is the embedding then, as in every model that is made here.
  [[nodiscard]] std::unique_ptr<EmbeddedLlm> trainable() const;

 private:
  BenchModel() = default;

  std::string name_;
  ModelConfig config_;
  SyntheticTitles titles_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::filesystem::path checkpoint_;  ///< empty: a shape
  bool adapters_ = false;             ///< the folder holds adapters, merged into their base when it is asked for
  std::optional<BenchShape> shape_;
  std::filesystem::path temporary_;  ///< holds a shape's tokeniser; removed at the end
};

}  // namespace llama4rec::llm
