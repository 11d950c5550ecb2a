#include "llm/checkpoint_description.h"

#include <fmt/format.h>

#include "core/digest.h"
#include "core/interrupt.h"
#include "llm/checkpoint.h"
#include "llm/tokenizer_files.h"
#include "llm/weight_files.h"

namespace llama4rec::llm {

std::string checkpoint_name(const std::filesystem::path& folder) {
  const auto whole = std::filesystem::weakly_canonical(folder);
  // A closing slash leaves an empty last part.
  const auto last = whole.filename().empty() ? whole.parent_path().filename() : whole.filename();
  return last.empty() ? whole.string() : last.string();
}

CheckpointDescription describe_checkpoint(const std::filesystem::path& folder) {
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
