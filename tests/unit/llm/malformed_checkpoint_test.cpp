// Checkpoint folders that are damaged by hand, one fault each: every one is refused by one line that names the file and the fault, and
// nothing large is allocated on the way.
#include <sys/resource.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <new>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "llm/embedded_llm.h"
#include "llm/sentencepiece_model.h"
#include "tensor/safetensors.h"
#include "unit/llm/support.h"
#include "unit/llm/tokenizer_json_support.h"

namespace llama4rec::llm {
namespace {

using nlohmann::json;
using testing::byte_level_json;
using testing::few_merges;
using ::testing::HasSubstr;
using testing::metaspace_json;
using testing::small_tokenizer_file;
using testing::TemporaryFolder;
using testing::tiny_options;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCanLimit = false;  // the shadow memory is part of the address space
#else
constexpr bool kCanLimit = true;
#endif

/// Lets the address space grow by so much and no more while it lives.
class AllocationBound {
 public:
  explicit AllocationBound(std::uint64_t bytes) {
    if (!kCanLimit) return;
    ::getrlimit(RLIMIT_AS, &before_);
    std::ifstream status("/proc/self/statm");
    std::uint64_t pages = 0;
    status >> pages;
    auto bound = before_;
    bound.rlim_cur = pages * 4096 + bytes;
    ::setrlimit(RLIMIT_AS, &bound);
  }
  ~AllocationBound() {
    if (kCanLimit) ::setrlimit(RLIMIT_AS, &before_);
  }
  AllocationBound(const AllocationBound&) = delete;
  AllocationBound& operator=(const AllocationBound&) = delete;
  AllocationBound(AllocationBound&&) = delete;
  AllocationBound& operator=(AllocationBound&&) = delete;

 private:
  rlimit before_{};
};

/// A checkpoint that is whole, and what the damages below need of it.
class Folder {
 public:
  Folder() {
    EmbeddedLlm::create(small_tokenizer_file(folder_), tiny_options(), 3, torch::kCPU)->save(folder_.path() / "model");
  }
  [[nodiscard]] std::filesystem::path file(const std::string& name) const { return folder_.path() / "model" / name; }
  [[nodiscard]] std::string read(const std::string& name) const { return read_file(file(name)); }
  void write(const std::string& name, const std::string& bytes) const { write_file_atomically(file(name), bytes); }
  void remove(const std::string& name) const { std::filesystem::remove(file(name)); }

  void config(const std::string& key, const json& value) const {
    auto document = json::parse(read("config.json"));
    document[key] = value;
    write("config.json", document.dump());
  }
  /// A safetensors file with this header and so many bytes behind it.
  void header(const std::string& text, std::size_t data) const { raw_header(text.size(), text, data); }
  void raw_header(std::uint64_t length, const std::string& text, std::size_t data) const {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    write("model.safetensors", bytes + text + std::string(data, '\0'));
  }
  void entry(const json& description, std::size_t data = 8) const {
    json document;
    document["model.norm.weight"] = description;
    header(document.dump(), data);
  }
  void tensors(const std::function<void(std::map<std::string, torch::Tensor>&)>& edit) const {
    auto content = tensor::read_safetensors(file("model.safetensors"));
    edit(content.tensors);
    tensor::write_safetensors(file("model.safetensors"), content);
  }
  /// Two shards and their index, which `edit` may damage.
  void shards(const std::function<void(json&)>& edit) const {
    const auto content = tensor::read_safetensors(file("model.safetensors"));
    tensor::TensorFile parts[2];
    json index;
    for (const auto& [name, tensor] : content.tensors) {
      const std::size_t part = name < "model.layers.1" ? 0 : 1;
      parts[part].tensors[name] = tensor;
      index["weight_map"][name] = part == 0 ? "a.safetensors" : "b.safetensors";
    }
    tensor::write_safetensors(file("a.safetensors"), parts[0]);
    tensor::write_safetensors(file("b.safetensors"), parts[1]);
    remove("model.safetensors");
    edit(index);
    write("model.safetensors.index.json", index.dump());
  }
  void tokenizer_json(json document, const std::function<void(json&)>& edit) const {
    remove("tokenizer.model");
    edit(document);
    write("tokenizer.json", document.dump());
  }
  void byte_level(const std::function<void(json&)>& edit) const { tokenizer_json(byte_level_json(few_merges()), edit); }
  void metaspace(const std::function<void(json&)>& edit) const { tokenizer_json(metaspace_json(), edit); }
  void pieces(const std::function<void(SentencePieceModel&)>& edit) const {
    auto model = parse_sentencepiece(read("tokenizer.model"), "tokenizer.model");
    edit(model);
    write("tokenizer.model", serialize_sentencepiece(model));
  }

  /// The message of the DataError that loading gives.
  [[nodiscard]] std::string fault() const {
    const AllocationBound bound(std::uint64_t{256} << 20);
    try {
      (void)EmbeddedLlm::load(folder_.path() / "model", torch::kCPU);
    } catch (const DataError& error) {
      return error.what();
    } catch (const std::bad_alloc&) {
      return "allocated too much";
    } catch (const std::exception& error) {
      return fmt::format("an error of another kind: {}", error.what());
    }
    return "loaded";
  }

 private:
  TemporaryFolder folder_;
};

struct Damage {
  const char* name;
  std::function<void(const Folder&)> apply;
  const char* file;   ///< that the message names
  const char* fault;  ///< and a part of what it says
};

const json kNorm = {{"dtype", "F32"}, {"shape", {2}}, {"data_offsets", {0, 8}}};

json norm_with(const char* key, const json& value) {
  auto entry = kNorm;
  entry[key] = value;
  return entry;
}

const auto kWeights = "model.safetensors";
const auto kIndex = "model.safetensors.index.json";
const auto kConfig = "config.json";
const auto kJson = "tokenizer.json";
const auto kModel = "tokenizer.model";

const std::vector<Damage>& weight_damages() {
  static const std::vector<Damage> all{
      {"NoWeights", [](const Folder& f) { f.remove(kWeights); }, kWeights, "is missing"},
      {"PickledWeights", [](const Folder& f) { f.remove(kWeights), f.write("pytorch_model.bin", "PK"); }, kWeights,
       "convert the weights to safetensors"},
      {"EmptyFile", [](const Folder& f) { f.write(kWeights, ""); }, kWeights, "0 bytes are too few"},
      {"SevenBytes", [](const Folder& f) { f.write(kWeights, "1234567"); }, kWeights, "7 bytes are too few"},
      {"HeaderBehindTheEnd", [](const Folder& f) { f.raw_header(5000, "{}", 8); }, kWeights, "header of 5000 bytes"},
      {"HeaderOfAllMemory", [](const Folder& f) { f.raw_header(~std::uint64_t{0}, "{}", 8); }, kWeights,
       "header of 18446744073709551615 bytes"},
      {"HeaderOfSignBit", [](const Folder& f) { f.raw_header(std::uint64_t{1} << 63, "{}", 8); }, kWeights,
       "does not fit"},
      {"HeaderIsNoJson", [](const Folder& f) { f.header("{\"a\": ", 8); }, kWeights, "no valid JSON"},
      {"HeaderIsAList", [](const Folder& f) { f.header("[]", 0); }, kWeights, "no JSON object"},
      {"HeaderNestsDeep", [](const Folder& f) { f.header(std::string(100000, '['), 0); }, kWeights, "nests too deep"},
      {"HeaderIsNoUtf8", [](const Folder& f) { f.header("{\"\xFF\": 1}", 0); }, kWeights, "no valid JSON"},
      {"TensorTwice", [](const Folder& f) { f.header("{\"a\":" + kNorm.dump() + ",\"a\":" + kNorm.dump() + "}", 8); },
       kWeights, "twice"},
      {"NoDtype",
       [](const Folder& f) {
         f.entry({{"shape", {2}}, {"data_offsets", {0, 8}}});
       },
       kWeights, "dtype is missing"},
      {"UnknownDtype", [](const Folder& f) { f.entry(norm_with("dtype", "F8_E4M3")); }, kWeights, "unknown dtype"},
      {"NoShape", [](const Folder& f) { f.entry(norm_with("shape", nullptr)); }, kWeights, "shape is missing"},
      {"NegativeSize", [](const Folder& f) { f.entry(norm_with("shape", {-2})); }, kWeights, "no size"},
      {"SizeOfHalf", [](const Folder& f) { f.entry(norm_with("shape", {0.5})); }, kWeights, "no size"},
      {"SizeBeyond64Bits", [](const Folder& f) { f.entry(norm_with("shape", {18446744073709551615ull})); }, kWeights,
       "no size"},
      {"OverflowingShape",
       [](const Folder& f) {
         f.entry(norm_with("shape", {4294967296, 4294967296, 4294967296}));
       },
       kWeights, "overflows"},
      {"OverflowHiddenByZero",
       [](const Folder& f) {
         f.entry(norm_with("shape", {4294967296, 4294967296, 0}), 8);
       },
       kWeights, "overflows"},
      {"HugeShape", [](const Folder& f) { f.entry(norm_with("shape", {1099511627776})); }, kWeights,
       "its data has 8 bytes"},
      {"ManyDimensions", [](const Folder& f) { f.entry(norm_with("shape", std::vector<int>(100, 1))); }, kWeights,
       "64 dimensions"},
      {"OffsetsBackwards",
       [](const Folder& f) {
         f.entry(norm_with("data_offsets", {8, 0}));
       },
       kWeights, "no ascending offsets"},
      {"OffsetsNegative",
       [](const Folder& f) {
         f.entry(norm_with("data_offsets", {-8, 0}));
       },
       kWeights, "no ascending offsets"},
      {"OffsetsBehindTheEnd",
       [](const Folder& f) {
         f.entry(norm_with("data_offsets", {0, 800}));
       },
       kWeights, "cut short"},
      {"OneOffset", [](const Folder& f) { f.entry(norm_with("data_offsets", json::array({0}))); }, kWeights,
       "two offsets"},
      {"Overlap",
       [](const Folder& f) {
         json header = {{"a", kNorm}};
         header["b"] = norm_with("data_offsets", {4, 12});
         f.header(header.dump(), 12);
       },
       kWeights, "overlaps"},
      {"Gap",
       [](const Folder& f) {
         f.entry(norm_with("data_offsets", {8, 16}), 16);
       },
       kWeights, "no tensor covers"},
      {"BytesLeftOver", [](const Folder& f) { f.entry(kNorm, 20); }, kWeights, "the last 12 bytes"},
      {"Truncated",
       [](const Folder& f) { f.write(kWeights, f.read(kWeights).substr(0, f.read(kWeights).size() - 100)); }, kWeights,
       "cut short"},
      {"TensorMissing", [](const Folder& f) { f.tensors([](auto& t) { t.erase("model.norm.weight"); }); }, kWeights,
       "tensor \"model.norm.weight\" is missing"},
      {"TensorMisshapen",
       [](const Folder& f) { f.tensors([](auto& t) {
                               t["model.norm.weight"] = torch::ones({4, 8});
                             }); }, kWeights,
       "tensor \"model.norm.weight\" has the shape [4, 8], config.json asks for [32]"},
      {"TensorOfIntegers",
       [](const Folder& f) { f.tensors([](auto& t) { t["model.norm.weight"] = torch::ones({32}, torch::kInt64); }); },
       kWeights, "tensor \"model.norm.weight\" holds no floating-point numbers (I64)"},
      {"TensorUnknown", [](const Folder& f) { f.tensors([](auto& t) { t["extra\nline"] = torch::ones({1}); }); },
       kWeights, "unknown tensor \"extra\\nline\""},
      {"QueryNorms",
       [](const Folder& f) {
         f.tensors([](auto& t) { t["model.layers.0.self_attn.q_norm.weight"] = torch::ones({8}); });
       },
       kWeights, "unknown tensor \"model.layers.0.self_attn.q_norm.weight\""},
      {"FolderInPlaceOfWeights",
       [](const Folder& f) { f.remove(kWeights), std::filesystem::create_directory(f.file(kWeights)); }, kWeights,
       "no ordinary file"}};
  return all;
}

const std::vector<Damage>& index_damages() {
  static const std::vector<Damage> all{
      {"IndexIsNoJson", [](const Folder& f) { f.shards([](json&) {}), f.write(kIndex, "{"); }, kIndex,
       "expected a JSON document"},
      {"IndexIsEmpty", [](const Folder& f) { f.shards([](json& i) { i["weight_map"] = json::object(); }); }, kIndex,
       "\"weight_map\""},
      {"IndexHasNoMap", [](const Folder& f) { f.shards([](json& i) {
                                                i = {{"metadata", 1}};
                                              }); }, kIndex,
       "key \"weight_map\" is missing"},
      {"IndexIsAList", [](const Folder& f) { f.shards([](json& i) { i = json::array(); }); }, kIndex, "a JSON object"},
      {"ShardIsANumber", [](const Folder& f) { f.shards([](json& i) { i["weight_map"]["model.norm.weight"] = 7; }); },
       kIndex, "has 7 for \"model.norm.weight\""},
      {"ShardOutsideTheFolder",
       [](const Folder& f) {
         f.shards([](json& i) { i["weight_map"]["model.norm.weight"] = "../../etc/x.safetensors"; });
       },
       kIndex, "no safetensors file of this folder"},
      {"ShardOfAnotherKind",
       [](const Folder& f) { f.shards([](json& i) { i["weight_map"]["model.norm.weight"] = "b.bin"; }); }, kIndex,
       "no safetensors file"},
      {"ShardMissing", [](const Folder& f) { f.shards([](json&) {}), f.remove("b.safetensors"); }, kIndex,
       "\"b.safetensors\", which is missing"},
      {"ShardTruncated",
       [](const Folder& f) {
         f.shards([](json&) {});
         f.write("b.safetensors", f.read("b.safetensors").substr(0, 2000));
       },
       "b.safetensors", "not a valid safetensors file"},
      {"TensorInTheOtherShard",
       [](const Folder& f) { f.shards([](json& i) { i["weight_map"]["model.norm.weight"] = "a.safetensors"; }); },
       "a.safetensors", "holds no tensor \"model.norm.weight\", but the index says so"},
      {"TensorOnlyInTheIndex",
       [](const Folder& f) { f.shards([](json& i) { i["weight_map"]["ghost"] = "a.safetensors"; }); }, "a.safetensors",
       "holds no tensor \"ghost\""},
      {"TensorNotInTheIndex",
       [](const Folder& f) { f.shards([](json& i) { i["weight_map"].erase("model.norm.weight"); }); }, "b.safetensors",
       "holds the tensor \"model.norm.weight\", which the index lacks"},
      {"TensorInTwoShards",
       [](const Folder& f) {
         f.shards([](json&) {});
         auto content = tensor::read_safetensors(f.file("a.safetensors"));
         content.tensors["model.norm.weight"] = torch::ones({32});
         tensor::write_safetensors(f.file("a.safetensors"), content);
       },
       "b.safetensors", "holds the tensor \"model.norm.weight\", which lies in"}};
  return all;
}

Damage absurd(const char* name, const char* key, const json& value, const char* fault) {
  return {name, [key, value](const Folder& f) { f.config(key, value); }, kConfig, fault};
}

const std::vector<Damage>& config_damages() {
  static const std::vector<Damage> all{
      {"NoConfig", [](const Folder& f) { f.remove(kConfig); }, kConfig, "cannot be opened"},
      {"ConfigIsEmpty", [](const Folder& f) { f.write(kConfig, ""); }, kConfig, "expected a JSON document"},
      {"ConfigIsAText", [](const Folder& f) { f.write(kConfig, "\"llama\""); }, kConfig, "expected a JSON object"},
      {"ConfigNestsDeep", [](const Folder& f) { f.write(kConfig, std::string(50000, '[') + std::string(50000, ']')); },
       kConfig, "nests less deep"},
      {"ConfigWithHugeNumber", [](const Folder& f) { f.write(kConfig, "{\"hidden_size\": 1e999}"); }, kConfig,
       "a double can hold"},
      {"ConfigIsHuge", [](const Folder& f) { f.write(kConfig, std::string(3 << 20, ' ')); }, kConfig,
       "expected at most"},
      absurd("OtherArchitecture", "model_type", "gpt_neox", "key \"model_type\" is \"gpt_neox\", expected \"llama\""),
      absurd("Quantised", "quantization_config", {{"bits", 4}}, "quantization_config"),
      absurd("HiddenZero", "hidden_size", 0, "key \"hidden_size\" is 0"),
      absurd("HiddenNegative", "hidden_size", -32, "key \"hidden_size\" is -32"),
      absurd("HiddenBeyond64Bits", "hidden_size", 18446744073709551615ull, "key \"hidden_size\""),
      absurd("HiddenIsALongList", "hidden_size", json(std::vector<int>(5000, 1)), "key \"hidden_size\" is a list"),
      absurd("HiddenAbsurd", "hidden_size", 1000000, "has the shape"),
      absurd("IntermediateAbsurd", "intermediate_size", 10000000, "has the shape"),
      absurd("VocabularyAbsurd", "vocab_size", 10000000, "has the shape"),
      absurd("LayersAbsurd", "num_hidden_layers", 10000, "is missing, which config.json asks for"),
      {"LayersFewer", [](const Folder& f) { f.config("num_hidden_layers", 1); }, kWeights,
       "unknown tensor \"model.layers.1"},
      absurd("HeadsZero", "num_attention_heads", 0, "num_attention_heads"),
      absurd("HeadsNotDividing", "num_attention_heads", 5, "not a multiple of 5 heads"),
      absurd("GroupsNotDividing", "num_key_value_heads", 3, "not a multiple of 3"),
      absurd("OddHeads", "head_dim", 7, "7 dimensions"),
      absurd("HeadsAbsurd", "head_dim", 65536, "has the shape"),
      absurd("ContextAbsurd", "max_position_embeddings", 100000000, "a context of 100000000"),
      absurd("EpsilonIsAText", "rms_norm_eps", "1e-5", "rms_norm_eps"),
      absurd("EndTokenOutside", "eos_token_id", 100000, "eos_token_id"),
      absurd("EndTokensWithAText", "eos_token_id", {2, "</s>"}, "a token or a list of tokens"),
      absurd("EndTokenNegative", "eos_token_id", {-1}, "a token or a list of tokens"),
      absurd("UnknownRope", "rope_scaling", {{"rope_type", "yarn"}, {"factor", 4}}, "rope_scaling.rope_type"),
      absurd("RopeIsAList", "rope_scaling", json::array({1}), "key \"rope_scaling\" is a list"),
      absurd("UnknownTemplate", "llama4rec", {{"chat_template", "vicuna"}}, "llama4rec.chat_template"),
      {"GenerationConfigDamaged",
       [](const Folder& f) { f.write("generation_config.json", "{\"eos_token_id\": \"x\"}"); },
       "generation_config.json", "eos_token_id"}};
  return all;
}

Damage byte_level(const char* name, std::function<void(json&)> edit, const char* fault) {
  return {name, [edit = std::move(edit)](const Folder& f) { f.byte_level(edit); }, kJson, fault};
}
Damage metaspace(const char* name, std::function<void(json&)> edit, const char* fault) {
  return {name, [edit = std::move(edit)](const Folder& f) { f.metaspace(edit); }, kJson, fault};
}
Damage pieces(const char* name, std::function<void(SentencePieceModel&)> edit, const char* fault) {
  return {name, [edit = std::move(edit)](const Folder& f) { f.pieces(edit); }, kModel, fault};
}

const std::vector<Damage>& tokenizer_damages() {
  static const std::vector<Damage> all{
      {"NoTokenizer", [](const Folder& f) { f.remove(kModel); }, "model",
       "neither a tokenizer.model nor a tokenizer.json"},
      {"JsonTruncated",
       [](const Folder& f) {
         f.byte_level([](json&) {});
         f.write(kJson, f.read(kJson).substr(0, 3000));
       },
       kJson, "expected a JSON document"},
      byte_level(
          "NoModel", [](json& d) { d.erase("model"); }, "key \"model\" is missing"),
      byte_level(
          "Unigram", [](json& d) { d["model"]["type"] = "Unigram"; },
          "key \"model.type\" is \"Unigram\", expected \"BPE\""),
      byte_level(
          "Dropout", [](json& d) { d["model"]["dropout"] = 0.1; }, "model.dropout"),
      byte_level(
          "Suffix", [](json& d) { d["model"]["end_of_word_suffix"] = "</w>"; }, "model.end_of_word_suffix"),
      byte_level(
          "NoVocabulary", [](json& d) { d["model"].erase("vocab"); }, "key \"model.vocab\" is missing"),
      byte_level(
          "VocabularyIsAList", [](json& d) { d["model"]["vocab"] = json::array(); },
          "key \"model.vocab\" is an empty list"),
      byte_level(
          "EmptyVocabulary", [](json& d) { d["model"]["vocab"] = json::object(); }, "model.vocab"),
      byte_level(
          "TokenNegative", [](json& d) { d["model"]["vocab"]["a"] = -1; }, "-1 for the piece \"a\""),
      byte_level(
          "TokenAbsurd", [](json& d) { d["model"]["vocab"]["a"] = 2000000000; }, "2000000000 for the piece \"a\""),
      byte_level(
          "TokenIsAText", [](json& d) { d["model"]["vocab"]["a"] = "1"; }, "for the piece \"a\""),
      byte_level(
          "TokenTwice", [](json& d) { d["model"]["vocab"]["a"] = 5; }, "the token 5 twice"),
      byte_level(
          "EmptyPiece", [](json& d) { d["model"]["vocab"][""] = 300; }, "an empty piece"),
      byte_level(
          "ByteMissing", [](json& d) { d["model"]["vocab"].erase("Z"); }, "no piece \"Z\" for the byte 90"),
      byte_level(
          "ByteIsAControlToken",
          [](json& d) {
            d["added_tokens"].push_back({{"id", 64}, {"content", "a"}, {"special", true}});
          },
          "no piece \"a\" for the byte 97"),
      byte_level(
          "NoMerges", [](json& d) { d["model"].erase("merges"); }, "key \"model.merges\" is missing"),
      byte_level(
          "MergeOfOne", [](json& d) { d["model"]["merges"].push_back("ab"); }, "key \"model.merges[6]\" is \"ab\""),
      byte_level(
          "MergeOfThree",
          [](json& d) {
            d["model"]["merges"].push_back({"a", "b", "c"});
          },
          "model.merges[6]"),
      byte_level(
          "MergeOfNumbers",
          [](json& d) {
            d["model"]["merges"][0] = {1, 2};
          },
          "model.merges[0]"),
      byte_level(
          "MergeWithoutUnion", [](json& d) { d["model"]["merges"].push_back("q q"); }, "whose union is one"),
      byte_level(
          "UnknownNormaliser",
          [](json& d) {
            d["normalizer"] = {{"type", "NFKC"}};
          },
          "key \"normalizer.type\" is \"NFKC\""),
      byte_level(
          "NormaliserInASequence",
          [](json& d) {
            d["normalizer"] = {{"type", "Sequence"}, {"normalizers", json::array({{{"type", "Strip"}}})}};
          },
          "key \"normalizer.normalizers[0].type\" is \"Strip\""),
      byte_level(
          "NoPreTokeniser", [](json& d) { d["pre_tokenizer"] = nullptr; }, "pre_tokenizer"),
      byte_level(
          "UnknownPreTokeniser",
          [](json& d) {
            d["pre_tokenizer"] = {{"type", "Whitespace"}};
          },
          "pre_tokenizer.type"),
      byte_level(
          "SplitInverted", [](json& d) { d["pre_tokenizer"]["pretokenizers"][0]["invert"] = true; }, "invert"),
      byte_level(
          "SplitByText",
          [](json& d) {
            d["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {{"String", " "}};
          },
          "pattern"),
      byte_level(
          "PatternBroken", [](json& d) { d["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(a"; },
          "the split pattern is not understood at its byte 2: missing closing parenthesis"),
      byte_level(
          "PatternHuge",
          [](json& d) {
            d["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "((((a{1,900}){1,900}){1,900}){1,900})";
          },
          "the split pattern is not understood"),
      byte_level(
          "PatternLong",
          [](json& d) { d["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = std::string(20000, 'a'); },
          "a split pattern of 20000 bytes"),
      byte_level(
          "StepBehindTheLast",
          [](json& d) {
            const json split = d["pre_tokenizer"]["pretokenizers"][0];
            d["pre_tokenizer"]["pretokenizers"].push_back(split);
          },
          "nothing behind the last step"),
      byte_level(
          "UnknownDecoder",
          [](json& d) {
            d["decoder"] = {{"type", "WordPiece"}};
          },
          "decoder.type"),
      byte_level(
          "NoDecoder", [](json& d) { d.erase("decoder"); }, "key \"decoder\" is missing"),
      byte_level(
          "UnknownPostProcessor",
          [](json& d) {
            d["post_processor"] = {{"type", "RobertaProcessing"}};
          },
          "post_processor.type"),
      byte_level(
          "EndTokenInTheTemplate",
          [](json& d) {
            const json begin = d["post_processor"]["single"][0];
            d["post_processor"]["single"].push_back(begin);
          },
          "at most one special token, and that before the text"),
      byte_level(
          "TemplateTokenIsText", [](json& d) { d["post_processor"]["special_tokens"]["<|begin|>"]["ids"] = {64}; },
          "one special token"),
      byte_level(
          "TemplateTokenOutside",
          [](json& d) { d["post_processor"]["special_tokens"]["<|begin|>"]["ids"] = {4000000000}; },
          "one special token"),
      byte_level(
          "TemplateTokenUnnamed", [](json& d) { d["post_processor"].erase("special_tokens"); }, "special_tokens"),
      byte_level(
          "AddedTokensAreNoList", [](json& d) { d["added_tokens"] = 1; }, "key \"added_tokens\" is 1, expected a list"),
      byte_level(
          "AddedTokenWithoutText", [](json& d) { d["added_tokens"][0].erase("content"); }, "added_tokens[0].content"),
      byte_level(
          "AddedTokenAbsurd", [](json& d) { d["added_tokens"][0]["id"] = 1000000000; }, "added_tokens[0].id"),
      byte_level(
          "AddedTokenInAnothersPlace", [](json& d) { d["added_tokens"][0]["id"] = 64; }, "added_tokens[0].id"),
      byte_level(
          "ByteFallbackOverBytes", [](json& d) { d["model"]["byte_fallback"] = true; }, "model.byte_fallback"),
      byte_level(
          "LargerThanTheModel", [](json& d) { d["model"]["vocab"]["zzz"] = 5000; }, "config.json has a vocabulary of"),
      metaspace(
          "ByteOfFallbackMissing", [](json& d) { d["model"]["vocab"].erase("<0xFF>"); }, "\"<0xFF>\" for the byte 255"),
      metaspace(
          "NoByteFallback", [](json& d) { d["model"]["byte_fallback"] = false; }, "model.byte_fallback"),
      metaspace(
          "OtherReplacement", [](json& d) { d["normalizer"]["normalizers"][1]["content"] = "_"; },
          "normalizer.normalizers[1].content"),
      {"ModelIsJunk", [](const Folder& f) { f.write(kModel, "junk that is no protocol buffer"); }, kModel,
       "no sentencepiece model"},
      {"ModelTruncated", [](const Folder& f) { f.write(kModel, f.read(kModel).substr(0, 900)); }, kModel,
       "no sentencepiece model"},
      {"ModelWithHugeField",
       [](const Folder& f) { f.write(kModel, std::string("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 9)); }, kModel,
       "no sentencepiece model"},
      pieces(
          "ByteNamedBadly", [](auto& m) { m.pieces[5].text = "<0xZZ>"; }, "names no byte"),
      pieces(
          "BytesMissing", [](auto& m) { m.pieces[5].type = PieceType::kNormal; }, "only 255 of 256 byte pieces"),
      pieces(
          "ScoreIsNoNumber", [](auto& m) { m.pieces[300].score = std::numeric_limits<float>::quiet_NaN(); },
          "no sentencepiece model"),
      pieces(
          "BeginOutside", [](auto& m) { m.begin_token = 100000; }, "no begin or no end token"),
      pieces(
          "EndIsText", [](auto& m) { m.end_token = 300; }, "is no control piece"),
      pieces(
          "UnusedPiece", [](auto& m) { m.pieces[300].type = PieceType::kUnused; }, "unused")};
  return all;
}

class MalformedCheckpoint : public ::testing::TestWithParam<Damage> {};

TEST_P(MalformedCheckpoint, IsRefusedInOneLine) {
  const Folder folder;
  GetParam().apply(folder);
  const auto fault = folder.fault();
  EXPECT_THAT(fault, HasSubstr(GetParam().file));
  EXPECT_THAT(fault, HasSubstr(GetParam().fault));
  EXPECT_THAT(fault, ::testing::Not(HasSubstr("\n")));
  EXPECT_LT(fault.size(), 500U);
}

std::string name_of(const ::testing::TestParamInfo<Damage>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Weights, MalformedCheckpoint, ::testing::ValuesIn(weight_damages()), name_of);
INSTANTIATE_TEST_SUITE_P(Index, MalformedCheckpoint, ::testing::ValuesIn(index_damages()), name_of);
INSTANTIATE_TEST_SUITE_P(Config, MalformedCheckpoint, ::testing::ValuesIn(config_damages()), name_of);
INSTANTIATE_TEST_SUITE_P(Tokenizer, MalformedCheckpoint, ::testing::ValuesIn(tokenizer_damages()), name_of);

TEST(MalformedCheckpointBase, LoadsUnderTheSameBoundAsLongAsNothingIsDamaged) {
  const Folder whole;
  EXPECT_EQ(whole.fault(), "loaded");
  whole.shards([](json&) {});
  EXPECT_EQ(whole.fault(), "loaded");
  whole.byte_level([](json&) {});
  EXPECT_EQ(whole.fault(), "loaded");
  whole.metaspace([](json&) {});
  EXPECT_EQ(whole.fault(), "loaded");
}

}  // namespace
}  // namespace llama4rec::llm
