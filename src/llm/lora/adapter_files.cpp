#include "llm/lora/adapter_files.h"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "llm/json_reader.h"
#include "llm/tokenizer_files.h"
#include "tensor/mapped_safetensors.h"
#include "tensor/safetensors.h"

namespace llama4rec::llm {
namespace {

constexpr const char* kAdapterConfigFile = "adapter_config.json";
constexpr const char* kModelConfigFile = "config.json";
constexpr const char* kWeightsFile = "adapter_model.safetensors";
constexpr const char* kTemplate = "llama4rec.chat_template";
constexpr const char* kSystemText = "llama4rec.system_text";
constexpr std::uintmax_t kLargestAdapterConfig = 1 << 20;  // bytes

std::string tensor_name(std::size_t layer, const char* module, char factor) {
  return fmt::format("base_model.model.model.layers.{}.{}.lora_{}.weight", layer, module, factor);
}

std::filesystem::path weights_file(const std::filesystem::path& folder) {
  auto file = folder / kWeightsFile;
  if (!std::filesystem::exists(file)) throw DataError({.file = file.string()}, "is missing");
  return file;
}

}  // namespace

bool is_adapter_folder(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / kAdapterConfigFile) && !std::filesystem::exists(folder / kModelConfigFile);
}

void write_adapters(const std::filesystem::path& folder, const LoraAdapters& adapters,
                    const std::filesystem::path& base, const ChatOptions& chat) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw InternalError(fmt::format("cannot create {}: {}", folder.string(), error.message()));
  if (std::filesystem::exists(folder / kModelConfigFile)) {
    throw UsageError(folder.string() + " holds a whole model; adapters need a folder of their own");
  }
  std::filesystem::remove(folder / kAdapterConfigFile, error);  // a half-replaced folder must not look whole
  tensor::TensorFile content{
      .tensors = {}, .metadata = {{"format", "pt"}, {kTemplate, chat.chat_template}, {kSystemText, chat.system_text}}};
  nlohmann::ordered_json modules = nlohmann::ordered_json::array();
  for (const auto target : adapters.targets()) {
    const auto& it = kAdapterTargets[static_cast<std::size_t>(target)];
    modules.push_back(it.name);
    for (std::size_t layer = 0; layer < adapters.layers(); ++layer) {
      const auto& factors = *adapters.find(layer, target);
      content.tensors[tensor_name(layer, it.module, 'A')] = factors.a.detach().cpu().contiguous();
      content.tensors[tensor_name(layer, it.module, 'B')] = factors.b.detach().cpu().contiguous();
    }
  }
  tensor::write_safetensors(folder / kWeightsFile, content);
  const auto& options = adapters.options();
  const nlohmann::ordered_json document = {{"peft_type", "LORA"},
                                           {"task_type", "CAUSAL_LM"},
                                           {"base_model_name_or_path", std::filesystem::absolute(base).string()},
                                           {"r", options.rank},
                                           {"lora_alpha", options.alpha},
                                           {"lora_dropout", options.dropout},
                                           {"target_modules", modules},
                                           {"bias", "none"},
                                           {"fan_in_fan_out", false},
                                           {"inference_mode", true},
                                           {"init_lora_weights", true},
                                           {"layers_to_transform", nullptr},
                                           {"modules_to_save", nullptr}};
  write_file_atomically(folder / kAdapterConfigFile, document.dump(2) + "\n");
}

AdapterConfig read_adapter_config(const std::filesystem::path& folder) {
  const auto file = (folder / kAdapterConfigFile).string();
  AdapterConfig adapter = adapter_config_from_json(read_bounded_file(file, kLargestAdapterConfig), file);
  const tensor::MappedSafetensors weights(weights_file(folder));
  const auto& metadata = weights.header().metadata;
  if (const auto found = metadata.find(kTemplate); found != metadata.end()) adapter.chat.chat_template = found->second;
  if (const auto found = metadata.find(kSystemText); found != metadata.end()) adapter.chat.system_text = found->second;
  return adapter;
}

LoraAdapters read_adapters(const std::filesystem::path& folder, const AdapterConfig& adapter, const ModelConfig& config,
                           const torch::Device& device) {
  const torch::NoGradGuard no_grad;
  const auto file = weights_file(folder);
  const tensor::MappedSafetensors weights(file);
  for (const auto target : parse_adapter_targets(adapter.options.targets)) {
    const auto [out, in] = target_shape(config, target);
    if (adapter.options.rank <= std::min(out, in)) continue;
    throw DataError({.file = (folder / kAdapterConfigFile).string()},
                    fmt::format("r is {}, but a matrix of the base model has the shape [{}, {}]; expected at most {}",
                                adapter.options.rank, out, in, std::min(out, in)));
  }
  LoraAdapters adapters(config, adapter.options, 0, device);
  std::set<std::string> known;
  const auto fill = [&](const std::string& name, const torch::Tensor& target) {
    known.insert(name);
    for (const auto& entry : weights.header().entries) {
      if (entry.name != name) continue;
      if (torch::IntArrayRef(entry.shape) != target.sizes()) {
        throw DataError({.file = file.string()},
                        fmt::format("tensor \"{}\" has the shape [{}], the base model and the rank ask for [{}]", name,
                                    fmt::join(entry.shape, ", "), fmt::join(target.sizes(), ", ")));
      }
      if (!torch::isFloatingType(tensor::scalar_type(entry.type))) {
        throw DataError({.file = file.string()},
                        fmt::format("tensor \"{}\" holds no floating-point numbers ({})", name, entry.type));
      }
      weights.copy(entry, target.detach());
      return;
    }
    throw DataError({.file = file.string()}, fmt::format("tensor \"{}\" is missing", name));
  };
  for (const auto target : adapters.targets()) {
    const auto* module = kAdapterTargets[static_cast<std::size_t>(target)].module;
    for (std::size_t layer = 0; layer < adapters.layers(); ++layer) {
      fill(tensor_name(layer, module, 'A'), adapters.find(layer, target)->a);
      fill(tensor_name(layer, module, 'B'), adapters.find(layer, target)->b);
    }
  }
  for (const auto& entry : weights.header().entries) {
    if (!known.contains(entry.name)) {
      throw DataError({.file = file.string()}, fmt::format("unknown tensor {}", describe(nlohmann::json(entry.name))));
    }
  }
  return adapters;
}

}  // namespace llama4rec::llm
