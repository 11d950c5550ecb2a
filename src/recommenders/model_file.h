// The file of a trained recommender: safetensors with a versioned header and the provenance.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include <llama4rec/provenance.h>

#include "recommenders/training_statistics.h"
#include "tensor/torch.h"

namespace llama4rec::recommenders {

/// What is stored of a model. Names of tensors must not begin with "provenance".
struct ModelFile {
  std::string model;                             ///< registry name
  std::map<std::string, torch::Tensor> tensors;  ///< on the CPU
  std::map<std::string, std::string> settings;   ///< numbers that the model needs besides its tensors
  Provenance provenance;
};

/// Writes the file, atomically.
void write_model(const std::filesystem::path& file, const ModelFile& content);

/// Reads a file of the model `model`. DataError names the file and the fault: not a recommender, another version, another
/// model, damaged provenance.
ModelFile read_model(const std::filesystem::path& file, const std::string& model);

/// A tensor of a read file, checked: its type, and its shape where a size of -1 stands for any. DataError otherwise.
torch::Tensor required_tensor(const ModelFile& content, const std::filesystem::path& file, const std::string& name,
                              torch::Dtype type, std::initializer_list<std::int64_t> shape);
/// A text among a file's settings; DataError when it is missing.
std::string required_text(const std::map<std::string, std::string>& texts, const std::filesystem::path& file,
                          const std::string& name);
/// A number among the settings; DataError when it is missing or not a number.
double required_number(const ModelFile& content, const std::filesystem::path& file, const std::string& name);
/// A number as text that reads back exactly.
std::string exact_text(double value);

/// The part of the file that top-k models share: counts of items and users.
void put_statistics(const TrainingStatistics& statistics, ModelFile& content);
TrainingStatistics get_statistics(const ModelFile& content, const std::filesystem::path& file);

/// A tensor that owns a copy of the values, of the shape.
torch::Tensor tensor_of(const std::vector<float>& values, std::vector<std::int64_t> shape);
torch::Tensor tensor_of(const std::vector<std::int64_t>& values);

/// A copy of a tensor's values, in order.
std::vector<float> vector_of(const torch::Tensor& tensor);

}  // namespace llama4rec::recommenders
