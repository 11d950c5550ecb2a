#include "llm/tokenizer_files.h"

#include <string>

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "llm/bpe_tokenizer.h"
#include "llm/chat_template.h"
#include "llm/sentencepiece_tokenizer.h"

namespace llama4rec::llm {
namespace {

constexpr std::uintmax_t kLargestTokenizer = 64 << 20;  // bytes; the largest published ones have half of that
constexpr const char* kSentencePieceFile = "tokenizer.model";
constexpr const char* kJsonFile = "tokenizer.json";

std::unique_ptr<Tokenizer> read_tokenizer(const std::filesystem::path& folder) {
  const auto model = folder / kSentencePieceFile;
  const auto document = folder / kJsonFile;
  if (std::filesystem::exists(model)) {
    return std::make_unique<SentencePieceTokenizer>(read_bounded_file(model, kLargestTokenizer), model.string());
  }
  if (std::filesystem::exists(document)) {
    return std::make_unique<BpeTokenizer>(read_bounded_file(document, kLargestTokenizer), document.string());
  }
  throw DataError({.file = folder.string()}, "holds neither a tokenizer.model nor a tokenizer.json");
}

std::string to_text(const nlohmann::ordered_json& document) { return document.dump(2) + "\n"; }

}  // namespace

std::string read_bounded_file(const std::filesystem::path& file, std::uintmax_t most) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) throw DataError({.file = file.string()}, "cannot be opened: " + error.message());
  if (size > most) {
    throw DataError({.file = file.string()}, fmt::format("has {} bytes, expected at most {}", size, most));
  }
  return read_file(file);
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder, const ModelConfig& config) {
  auto tokenizer = read_tokenizer(folder);
  if (tokenizer->vocabulary() > config.vocabulary) {
    throw DataError(
        {.file = (folder / tokenizer->file_name()).string()},
        fmt::format("{} pieces, but config.json has a vocabulary of {}", tokenizer->vocabulary(), config.vocabulary));
  }
  tokenizer->set_end_tokens({config.end_tokens.begin(), config.end_tokens.end()});
  if (config.chat_template != "none") {
    tokenizer->set_chat_template(find_chat_template(config.chat_template), config.system_text);
  }
  return tokenizer;
}

void write_tokenizer(const std::filesystem::path& folder, const Tokenizer& tokenizer, const ModelConfig& config) {
  const bool sentencepiece = tokenizer.file_name() == kSentencePieceFile;
  nlohmann::ordered_json special = nlohmann::ordered_json::object();
  if (const auto begin = tokenizer.begin_token()) special["bos_token"] = tokenizer.name_of(*begin);
  special["eos_token"] = tokenizer.name_of(tokenizer.end_token());
  if (const auto unknown = tokenizer.unknown_token()) special["unk_token"] = tokenizer.name_of(*unknown);
  auto settings = special;
  settings["tokenizer_class"] = sentencepiece ? "LlamaTokenizer" : "PreTrainedTokenizerFast";
  settings["model_max_length"] = config.context;
  settings["clean_up_tokenization_spaces"] = false;
  if (sentencepiece) {
    settings["add_bos_token"] = true;
    settings["add_eos_token"] = false;
    settings["add_prefix_space"] = tokenizer.puts_blank_first();
    settings["legacy"] = false;
    settings["sp_model_kwargs"] = nlohmann::ordered_json::object();
  }
  if (config.chat_template != "none") settings["chat_template"] = find_chat_template(config.chat_template).jinja;
  for (const char* other : {kSentencePieceFile, kJsonFile}) {
    std::error_code ignored;
    if (tokenizer.file_name() != other) std::filesystem::remove(folder / other, ignored);
  }
  write_file_atomically(folder / tokenizer.file_name(), tokenizer.serialized());
  write_file_atomically(folder / "special_tokens_map.json", to_text(special));
  write_file_atomically(folder / "tokenizer_config.json", to_text(settings));
}

}  // namespace llama4rec::llm
