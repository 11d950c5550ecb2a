#include "llm/checkpoint_description.h"

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/digest.h"
#include "core/interrupt.h"
#include "llm/checkpoint.h"
#include "llm/lora/adapter_files.h"
#include "llm/tokenizer_files.h"
#include "llm/weight_files.h"

namespace llama4rec::llm {
namespace {

constexpr const char* kAdapterWeights = "adapter_model.safetensors";

/// The base, with the adapters' part in the fingerprint. Where the base lies does not matter.
CheckpointDescription describe_adapters(const std::filesystem::path& folder) {
  const auto adapters = read_adapter_config(folder);
  if (!std::filesystem::exists(adapters.base / "config.json")) {
    throw DataError({.file = (folder / "adapter_config.json").string()},
                    fmt::format("the base model {} is not there (base_model_name_or_path)", adapters.base.string()));
  }
  auto description = describe_checkpoint(adapters.base);
  Digest digest(DigestKind::kSha256);
  digest.update(fmt::format("{} {} {} {} {}\n", description.fingerprint, adapters.options.rank, adapters.options.alpha,
                            adapters.chat.chat_template, adapters.chat.system_text));
  digest.update(file_digest(folder / kAdapterWeights, DigestKind::kSha256));
  description.name = checkpoint_name(folder);
  description.fingerprint = digest.finish();
  return description;
}

}  // namespace

std::string checkpoint_name(const std::filesystem::path& folder) {
  const auto whole = std::filesystem::weakly_canonical(folder);
  // A closing slash leaves an empty last part.
  const auto last = whole.filename().empty() ? whole.parent_path().filename() : whole.filename();
  return last.empty() ? whole.string() : last.string();
}

CheckpointDescription describe_checkpoint(const std::filesystem::path& folder) {
  if (is_adapter_folder(folder)) return describe_adapters(folder);
  const auto config = read_checkpoint_config(folder);
  Digest digest(DigestKind::kSha256);
  digest.update(config_to_json(config));
  digest.update(load_tokenizer(folder, config)->serialized());
  const WeightFiles weights(folder);
  for (const auto& file : weights.names()) {
    throw_if_interrupted("reading the checkpoint " + folder.string());
    digest.update(file_digest(file, DigestKind::kSha256));
  }
  return {.name = checkpoint_name(folder),
          .parameters = parameter_count(config),
          .context = config.context,
          .fingerprint = digest.finish()};
}

}  // namespace llama4rec::llm
