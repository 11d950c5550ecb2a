#include "recommenders/model_file.h"

#include <charconv>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llama4rec/error.h>

#include "tensor/safetensors.h"

namespace llama4rec::recommenders {
namespace {

constexpr const char* kFormat = "llama4rec.recommender";
constexpr const char* kVersion = "1";
constexpr const char* kSettingPrefix = "setting.";
constexpr const char* kProvenanceBits = "provenance.bits";

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  throw DataError(fmt::format("{}: {}", file.string(), what));
}

torch::Tensor pack(const InteractionSet& set) {
  auto bits = torch::zeros({(set.universe() + 7) / 8}, torch::kUInt8);
  auto* bytes = bits.data_ptr<std::uint8_t>();
  for (const InteractionIndex member : set.members()) {
    bytes[member / 8] = static_cast<std::uint8_t>(bytes[member / 8] | (1U << (member % 8)));
  }
  return bits;
}

InteractionSet unpack(const torch::Tensor& bits, std::int64_t universe, const std::filesystem::path& file) {
  InteractionSet set(universe);
  const auto* bytes = bits.data_ptr<std::uint8_t>();
  for (std::int64_t n = 0; n < bits.numel() * 8; ++n) {
    if (((bytes[n / 8] >> (n % 8)) & 1U) == 0) continue;
    if (n >= universe) fail(file, fmt::format("the provenance has the interaction {} of {}", n, universe));
    set.insert(n);
  }
  return set;
}

double parse_number(const std::string& text, const std::filesystem::path& file, const std::string& name) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail(file, fmt::format("the header's \"{}\" is \"{}\", expected a number", name, text));
  }
  return value;
}

}  // namespace

std::string required_text(const std::map<std::string, std::string>& texts, const std::filesystem::path& file,
                          const std::string& name) {
  const auto found = texts.find(name);
  if (found == texts.end()) fail(file, fmt::format("the header lacks \"{}\"", name));
  return found->second;
}

void write_model(const std::filesystem::path& file, const ModelFile& content) {
  tensor::TensorFile out;
  out.tensors = content.tensors;
  out.tensors[kProvenanceBits] = pack(content.provenance.interactions);
  out.metadata["format"] = kFormat;
  out.metadata["version"] = kVersion;
  out.metadata["model"] = content.model;
  out.metadata["provenance.what"] = content.provenance.what;
  out.metadata["provenance.interactions"] = std::to_string(content.provenance.interactions.universe());
  for (const auto& [name, text] : content.settings) out.metadata[kSettingPrefix + name] = text;
  tensor::write_safetensors(file, out);
}

ModelFile read_model(const std::filesystem::path& file, const std::string& model) {
  tensor::TensorFile in = tensor::read_safetensors(file);
  const auto format = in.metadata.find("format");
  if (format == in.metadata.end() || format->second != kFormat) fail(file, "not a recommender of this program");
  const std::string version = required_text(in.metadata, file, "version");
  if (version != kVersion) fail(file, fmt::format("format version {}, expected {}", version, kVersion));
  ModelFile content;
  content.model = required_text(in.metadata, file, "model");
  if (content.model != model) fail(file, fmt::format("holds the model {}, expected {}", content.model, model));
  const double universe =
      parse_number(required_text(in.metadata, file, "provenance.interactions"), file, "provenance.interactions");
  const auto bits = in.tensors.find(kProvenanceBits);
  if (bits == in.tensors.end() || bits->second.scalar_type() != torch::kUInt8 || bits->second.dim() != 1 ||
      !(universe >= 0 && universe <= 8.0 * static_cast<double>(bits->second.numel()))) {
    fail(file, "the provenance is missing or damaged");
  }
  content.provenance.what = required_text(in.metadata, file, "provenance.what");
  content.provenance.interactions = unpack(bits->second.contiguous(), static_cast<std::int64_t>(universe), file);
  in.tensors.erase(bits);
  content.tensors = std::move(in.tensors);
  const std::string prefix = kSettingPrefix;
  for (const auto& [name, text] : in.metadata) {
    if (name.starts_with(prefix)) content.settings[name.substr(prefix.size())] = text;
  }
  return content;
}

torch::Tensor required_tensor(const ModelFile& content, const std::filesystem::path& file, const std::string& name,
                              torch::Dtype type, std::initializer_list<std::int64_t> shape) {
  const auto found = content.tensors.find(name);
  if (found == content.tensors.end()) fail(file, fmt::format("lacks the tensor \"{}\"", name));
  const torch::Tensor& tensor = found->second;
  bool fits = tensor.scalar_type() == type && tensor.dim() == static_cast<std::int64_t>(shape.size());
  for (std::int64_t d = 0; fits && d < tensor.dim(); ++d) {
    const std::int64_t size = shape.begin()[d];
    fits = size < 0 || tensor.size(d) == size;
  }
  if (!fits) {
    fail(file, fmt::format("the tensor \"{}\" is {} [{}], expected {} [{}] (-1: any)", name,
                           c10::toString(tensor.scalar_type()), fmt::join(tensor.sizes().vec(), ", "),
                           c10::toString(type), fmt::join(shape, ", ")));
  }
  return tensor.contiguous();
}

double required_number(const ModelFile& content, const std::filesystem::path& file, const std::string& name) {
  return parse_number(required_text(content.settings, file, name), file, name);
}

std::string exact_text(double value) { return fmt::format("{}", value); }

void put_statistics(const TrainingStatistics& statistics, ModelFile& content) {
  content.tensors["item_counts"] = tensor_of(statistics.item_counts);
  content.tensors["user_counts"] = tensor_of(statistics.user_counts);
}

TrainingStatistics get_statistics(const ModelFile& content, const std::filesystem::path& file) {
  const auto values = [&](const std::string& name) {
    const torch::Tensor counts = required_tensor(content, file, name, torch::kInt64, {-1});
    const auto* begin = counts.data_ptr<std::int64_t>();
    return std::vector<std::int64_t>(begin, begin + counts.numel());
  };
  TrainingStatistics statistics;
  statistics.item_counts = values("item_counts");
  statistics.user_counts = values("user_counts");
  for (const std::int64_t count : statistics.item_counts) {
    if (count < 0 || count > std::numeric_limits<std::int64_t>::max() / 4) fail(file, "an item's count is damaged");
    statistics.known_items.push_back(count > 0);
  }
  for (const std::int64_t count : statistics.user_counts) {
    if (count < 0 || count > std::numeric_limits<std::int32_t>::max()) fail(file, "a user's count is damaged");
    statistics.interactions += count;
    if (count == 0) ++statistics.empty_users;
  }
  return statistics;
}

torch::Tensor tensor_of(const std::vector<float>& values, std::vector<std::int64_t> shape) {
  return torch::tensor(values, torch::kFloat32).reshape(shape);
}

torch::Tensor tensor_of(const std::vector<std::int64_t>& values) { return torch::tensor(values, torch::kInt64); }

std::vector<float> vector_of(const torch::Tensor& tensor) {
  const auto values = tensor.detach().to(torch::kCPU).contiguous();
  return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

}  // namespace llama4rec::recommenders
