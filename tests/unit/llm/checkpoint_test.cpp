// Checkpoint folders in the layout of Hugging Face: round trips and damaged ones.
#include "llm/checkpoint.h"

#include <fstream>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "llm/decoder.h"
#include "llm/embedded_llm.h"
#include "tensor/safetensors.h"
#include "unit/llm/reference_llama.h"
#include "unit/llm/support.h"
#include "unit/llm/tokenizer_json_support.h"

namespace llama4rec::llm {
namespace {

using ::testing::HasSubstr;
using testing::small_tokenizer;
using testing::small_tokenizer_file;
using testing::TemporaryFolder;
using testing::tiny_config;
using testing::tiny_options;

class Checkpoint : public ::testing::Test {
 protected:
  /// The weights are small, and their answers near ties.
  inline static const EngineOptions kExact{.precision = "float32"};

  Checkpoint() {
    model_ = EmbeddedLlm::create(small_tokenizer_file(folder_), tiny_options(), 3, torch::kCPU);
    model_->set_engine(kExact);
    model_->save(folder_.path() / "model");
  }
  [[nodiscard]] std::filesystem::path file(const std::string& name) const { return folder_.path() / "model" / name; }
  [[nodiscard]] std::unique_ptr<EmbeddedLlm> load() const {
    auto model = EmbeddedLlm::load(folder_.path() / "model", torch::kCPU);
    model->set_engine(kExact);
    return model;
  }
  /// The message of the DataError that loading gives.
  [[nodiscard]] std::string fault() const {
    try {
      (void)load();
    } catch (const DataError& error) {
      return error.what();
    }
    return "loaded";
  }
  void edit_config(const std::string& key, const nlohmann::json& value) const {
    auto config = nlohmann::json::parse(read_file(file("config.json")));
    config[key] = value;
    write_file_atomically(file("config.json"), config.dump());
  }
  TemporaryFolder folder_;
  std::unique_ptr<EmbeddedLlm> model_;
};

TEST_F(Checkpoint, LoadsWhatItSaved) {
  const auto loaded = load();
  EXPECT_EQ(loaded->fingerprint(), model_->fingerprint());
  EXPECT_EQ(loaded->context_length(), 128);
  EXPECT_EQ(loaded->parameters(), model_->parameters());
  EXPECT_EQ(parameter_count(config_from_json(read_file(file("config.json")), "config.json")), model_->parameters());
  const std::vector<std::int32_t> tokens{1, 260, 300, 280};
  EXPECT_EQ(loaded->score_tokens(tokens), model_->score_tokens(tokens));
}

TEST_F(Checkpoint, UsesTheStandardNamesShapesAndKeys) {
  const auto tensors = tensor::read_safetensors(file("model.safetensors")).tensors;
  const auto vocabulary = small_tokenizer().vocabulary();
  const auto shape = [&](const std::string& name) { return tensors.at(name).sizes().vec(); };
  using Sizes = std::vector<std::int64_t>;
  EXPECT_EQ(shape("model.embed_tokens.weight"), (Sizes{vocabulary, 32}));
  EXPECT_EQ(shape("model.layers.0.self_attn.q_proj.weight"), (Sizes{32, 32}));
  EXPECT_EQ(shape("model.layers.1.self_attn.k_proj.weight"), (Sizes{16, 32}));
  EXPECT_EQ(shape("model.layers.1.self_attn.v_proj.weight"), (Sizes{16, 32}));
  EXPECT_EQ(shape("model.layers.1.self_attn.o_proj.weight"), (Sizes{32, 32}));
  EXPECT_EQ(shape("model.layers.0.mlp.gate_proj.weight"), (Sizes{48, 32}));
  EXPECT_EQ(shape("model.layers.0.mlp.up_proj.weight"), (Sizes{48, 32}));
  EXPECT_EQ(shape("model.layers.0.mlp.down_proj.weight"), (Sizes{32, 48}));
  EXPECT_EQ(shape("model.layers.0.input_layernorm.weight"), (Sizes{32}));
  EXPECT_EQ(shape("model.layers.0.post_attention_layernorm.weight"), (Sizes{32}));
  EXPECT_EQ(shape("model.norm.weight"), (Sizes{32}));
  EXPECT_EQ(tensors.size(), 2U + 2U * 9U) << "tied: no lm_head.weight";
  const auto config = nlohmann::json::parse(read_file(file("config.json")));
  EXPECT_EQ(config["model_type"], "llama");
  EXPECT_EQ(config["architectures"][0], "LlamaForCausalLM");
  EXPECT_EQ(config["num_key_value_heads"], 2);
  EXPECT_EQ(config["tie_word_embeddings"], true);
}

TEST_F(Checkpoint, ReadsShardsAndHalfPrecision) {
  auto content = tensor::read_safetensors(file("model.safetensors"));
  tensor::TensorFile first;
  tensor::TensorFile second;
  nlohmann::json map;
  for (const auto& [name, tensor] : content.tensors) {
    const bool front = first.tensors.size() < 7;
    (front ? first : second).tensors[name] = tensor.to(torch::kBFloat16);
    map[name] = front ? "a.safetensors" : "b.safetensors";
  }
  tensor::write_safetensors(file("a.safetensors"), first);
  tensor::write_safetensors(file("b.safetensors"), second);
  std::filesystem::remove(file("model.safetensors"));
  write_file_atomically(file("model.safetensors.index.json"), nlohmann::json{{"weight_map", map}}.dump());
  const std::vector<std::int32_t> tokens{1, 260, 300, 280};
  const auto expected = model_->score_tokens(tokens);
  const auto scores = load()->score_tokens(tokens);
  for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_NEAR(scores[i], expected[i], 0.02);
  write_file_atomically(file("model.safetensors.index.json"),
                        nlohmann::json{{"weight_map", {{"model.norm.weight", "../../etc/passwd"}}}}.dump());
  EXPECT_THAT(fault(), HasSubstr("is no safetensors file of this folder"));
}

TEST_F(Checkpoint, IsWrittenInShardsAboveASizeAndReadBack) {
  const auto config = read_checkpoint_config(folder_.path() / "model");
  const auto transformer = read_checkpoint(folder_.path() / "model", config, torch::kCPU);
  const auto tensors = standard_tensors(transformer);
  std::int64_t total = 0;
  for (const auto& [name, tensor] : tensors) total += static_cast<std::int64_t>(tensor.nbytes());
  const auto target = folder_.path() / "sharded";
  write_checkpoint(target, transformer, small_tokenizer(), total / 3);
  EXPECT_FALSE(std::filesystem::exists(target / "model.safetensors"));
  const auto index = nlohmann::json::parse(read_file(target / "model.safetensors.index.json"));
  EXPECT_EQ(index["metadata"]["total_size"], total);
  EXPECT_EQ(index["weight_map"].size(), tensors.size());
  std::set<std::string> files;
  for (const auto& [name, file] : index["weight_map"].items()) files.insert(file.get<std::string>());
  ASSERT_GE(files.size(), 3U);
  EXPECT_EQ(*files.begin(), fmt::format("model-00001-of-{:05}.safetensors", files.size()));
  const auto again = standard_tensors(read_checkpoint(target, config, torch::kCPU));
  for (const auto& [name, tensor] : tensors) EXPECT_TRUE(torch::equal(tensor, again.at(name))) << name;

  // A shard that a crash left out, or an index that is missing, is said.
  std::filesystem::rename(target / *files.begin(), target / "elsewhere");
  EXPECT_THROW((void)read_checkpoint(target, config, torch::kCPU), DataError);
  // Written again in one file: nothing of the other form stays.
  write_checkpoint(target, transformer, small_tokenizer());
  EXPECT_TRUE(std::filesystem::exists(target / "model.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(target / "model.safetensors.index.json"));
  EXPECT_FALSE(std::filesystem::exists(target / *files.rbegin()));
  EXPECT_NO_THROW((void)read_checkpoint(target, config, torch::kCPU));
}

TEST_F(Checkpoint, NamesTheTensorThatIsMissingMisshapenOrUnknown) {
  auto content = tensor::read_safetensors(file("model.safetensors"));
  const auto original = content;
  content.tensors.erase("model.layers.1.mlp.up_proj.weight");
  tensor::write_safetensors(file("model.safetensors"), content);
  EXPECT_THAT(fault(), HasSubstr("model.layers.1.mlp.up_proj.weight\" is missing"));
  content = original;
  content.tensors["model.norm.weight"] = torch::ones({31});
  tensor::write_safetensors(file("model.safetensors"), content);
  EXPECT_THAT(fault(), HasSubstr("\"model.norm.weight\" has the shape [31], config.json asks for [32]"));
  content = original;
  content.tensors["model.layers.0.self_attn.q_proj.bias"] = torch::ones({32});
  tensor::write_safetensors(file("model.safetensors"), content);
  EXPECT_THAT(fault(), HasSubstr("unknown tensor"));
  content = original;
  content.tensors["model.norm.weight"] = torch::ones({32}, torch::kInt64);
  tensor::write_safetensors(file("model.safetensors"), content);
  EXPECT_THAT(fault(), HasSubstr("no floating-point"));
}

TEST_F(Checkpoint, RefusesConfigurationsThatItCannotHonour) {
  const auto original = read_file(file("config.json"));
  const std::vector<std::pair<std::string, nlohmann::json>> bad{
      {"model_type", "qwen3"},
      {"hidden_act", "gelu"},
      {"attention_bias", true},
      {"rope_scaling", {{"factor", 8}}},
      {"rope_scaling", 7},
      {"rope_scaling", {{"type", "yarn"}, {"factor", 8}}},
      {"rope_scaling", {{"rope_type", "llama3"}, {"factor", 8}}},
      {"rope_parameters", {{"rope_theta", "x"}}},
      {"rope_parameters", {{"rope_type", "linear"}}},
      {"use_sliding_window", true},
      {"max_position_embeddings", 100000000},
      {"hidden_size", 31},
      {"num_attention_heads", 5},
      {"num_key_value_heads", 3},
      {"vocab_size", -4},
      {"hidden_size", "wide"},
      {"head_dim", 99},
      {"num_hidden_layers", 9999},
      {"max_position_embeddings", 0},
      {"rms_norm_eps", -1},
      {"eos_token_id", 1000000},
      {"intermediate_size", 9000000},
      {"llama4rec", {{"dropout", 3}}}};
  for (const auto& [key, value] : bad) {
    write_file_atomically(file("config.json"), original);
    edit_config(key, value);
    EXPECT_THAT(fault(), HasSubstr("config")) << key;
  }
}

TEST_F(Checkpoint, EndsAnswersAtEveryEndTokenOfBothConfigurations) {
  const std::vector<std::int32_t> prompt{1, 260, 300};
  const auto free = model_->generate(prompt, 6).tokens;
  ASSERT_EQ(free.size(), 6U) << "the weights are random: no end token comes by itself";
  ASSERT_NE(free[2], free[0]);
  ASSERT_NE(free[2], free[1]);
  edit_config("eos_token_id", {2, free[2]});
  EXPECT_EQ(load()->generate(prompt, 6).tokens, std::vector<std::int32_t>(free.begin(), free.begin() + 2));
  edit_config("eos_token_id", 2);
  write_file_atomically(file("generation_config.json"), nlohmann::json{{"eos_token_id", {2, free[2]}}}.dump());
  EXPECT_EQ(load()->generate(prompt, 6).tokens, std::vector<std::int32_t>(free.begin(), free.begin() + 2));
  // What is saved again keeps them, the first one first.
  load()->save(folder_.path() / "again");
  const auto config = nlohmann::json::parse(read_file(folder_.path() / "again" / "config.json"));
  EXPECT_EQ(config["eos_token_id"], nlohmann::json({2, free[2]}));
}

TEST_F(Checkpoint, WritesWhatOtherProgramsWantToKnowOfTheTokeniser) {
  const auto read = [&](const std::string& name) { return nlohmann::json::parse(read_file(file(name))); };
  EXPECT_EQ(read("tokenizer_config.json")["tokenizer_class"], "LlamaTokenizer");
  EXPECT_EQ(read("tokenizer_config.json")["bos_token"], "<s>");
  EXPECT_EQ(read("tokenizer_config.json")["eos_token"], "</s>");
  EXPECT_EQ(read("tokenizer_config.json")["add_bos_token"], true);
  EXPECT_EQ(read("tokenizer_config.json")["add_prefix_space"], false);
  EXPECT_EQ(read("tokenizer_config.json")["model_max_length"], 128);
  EXPECT_EQ(read("special_tokens_map.json")["unk_token"], "<unk>");
  EXPECT_EQ(read("generation_config.json")["eos_token_id"], 2);
  EXPECT_EQ(read("config.json")["eos_token_id"], 2);
}

TEST_F(Checkpoint, KeepsATokenizerJsonAndTheChatTemplateThatItWasLoadedWith) {
  std::filesystem::remove(file("tokenizer.model"));
  auto document = testing::byte_level_json(testing::few_merges());
  const auto last = static_cast<int>(document["added_tokens"].back()["id"]);
  for (const char* name : {"<|im_start|>", "<|im_end|>"}) {
    const auto id = last + 1 + (name == std::string("<|im_end|>") ? 1 : 0);
    document["added_tokens"].push_back({{"id", id}, {"content", name}, {"special", true}});
  }
  write_file_atomically(file("tokenizer.json"), document.dump());
  edit_config("eos_token_id", 263);
  const auto plain = load();
  EXPECT_EQ(plain->encode({{" the"}}), (std::vector<std::int32_t>{262, 258}));
  const ChatOptions chat{.chat_template = "chatml", .system_text = ""};
  const auto framed = EmbeddedLlm::load(folder_.path() / "model", torch::kCPU, chat);
  const auto prompt = framed->encode({{" the"}});
  EXPECT_EQ(prompt.front(), 262) << "the begin token of its own";
  EXPECT_EQ(std::count(prompt.begin(), prompt.end(), last + 1), 2) << "user and assistant";
  EXPECT_NE(framed->fingerprint(), plain->fingerprint());
  EXPECT_EQ(framed->context_length(), 128 - (static_cast<std::int64_t>(prompt.size()) - 1 - 1));
  framed->save(folder_.path() / "framed");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "framed" / "tokenizer.model"));
  EXPECT_EQ(read_file(folder_.path() / "framed" / "tokenizer.json"), document.dump());
  const auto again = EmbeddedLlm::load(folder_.path() / "framed", torch::kCPU);
  EXPECT_EQ(again->encode({{" the"}}), prompt);
  EXPECT_EQ(again->fingerprint(), framed->fingerprint());
  const auto settings = nlohmann::json::parse(read_file(folder_.path() / "framed" / "tokenizer_config.json"));
  EXPECT_EQ(settings["tokenizer_class"], "PreTrainedTokenizerFast");
  EXPECT_EQ(settings["eos_token"], "<|im_end|>");
  EXPECT_THAT(settings["chat_template"], HasSubstr("<|im_start|>"));
  // A template can be taken away, and one that the tokeniser cannot hold is refused.
  const auto bare =
      EmbeddedLlm::load(folder_.path() / "framed", torch::kCPU, {.chat_template = "none", .system_text = ""});
  EXPECT_EQ(bare->encode({{" the"}}), (std::vector<std::int32_t>{262, 258}));
  EXPECT_THROW(
      (void)EmbeddedLlm::load(folder_.path() / "framed", torch::kCPU, {.chat_template = "llama3", .system_text = ""}),
      UsageError);
  EXPECT_THROW(
      (void)EmbeddedLlm::load(folder_.path() / "model", torch::kCPU, {.chat_template = "none", .system_text = "x"}),
      UsageError);
}

TEST_F(Checkpoint, HeadsMayBeWiderThanTheirShareOfTheModel) {
  auto config = tiny_config(small_tokenizer().vocabulary(), 4, 2, false);
  config.head_size = 10;  // 4 * 10 on a width of 24
  Transformer model(config, 5, torch::kCPU);
  testing::widen_weights(model, 0.3, 6);
  EXPECT_EQ(standard_tensors(model).at("model.layers.0.self_attn.q_proj.weight").sizes(),
            (std::vector<std::int64_t>{40, 24}));
  write_checkpoint(folder_.path() / "wide", model, small_tokenizer());
  const auto read = read_checkpoint_config(folder_.path() / "wide");
  EXPECT_EQ(read, config);
  const auto loaded = read_checkpoint(folder_.path() / "wide", read, torch::kCPU);
  const std::vector<std::int32_t> tokens{1, 260, 300, 280, 261, 299};
  const auto expected = testing::ReferenceLlama(config, standard_tensors(model)).score(tokens);
  const auto scores = score_token_sequence(loaded, tokens);
  ASSERT_EQ(scores.size(), expected.size());
  for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_NEAR(scores[i], expected[i], 1e-4 * std::abs(expected[i]));
}

TEST_F(Checkpoint, ReadsTensorsThatAreNotAligned) {
  // A header of an odd length, as writers without padding make it.
  const auto bytes = read_file(file("model.safetensors"));
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  const auto longer = length + 3;
  std::string moved(8, '\0');
  std::memcpy(moved.data(), &longer, 8);
  moved += bytes.substr(8, length) + "   " + bytes.substr(8 + length);
  write_file_atomically(file("model.safetensors"), moved);
  EXPECT_EQ(load()->fingerprint(), model_->fingerprint());
}

/// A line of /proc/self/status, in bytes; 0 where it cannot be read.
std::int64_t memory(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return std::stoll(line.substr(key.size() + 1)) * 1024;
  }
  return 0;
}

TEST_F(Checkpoint, LoadsWithTheModelInMemoryAndHardlyMore) {
  auto config = tiny_config(small_tokenizer().vocabulary(), 8, 8, false);
  config.hidden = 512;
  config.intermediate = 2048;
  config.layers = 6;
  {
    const Transformer model(config, 5, torch::kCPU);
    write_checkpoint(folder_.path() / "large", model, small_tokenizer());
  }
  (void)EmbeddedLlm::load(folder_.path() / "model", torch::kCPU);  // what is made once is not counted
  std::ofstream("/proc/self/clear_refs") << "5";                   // the peak is counted from here
  const auto before = memory("VmRSS:");
  if (memory("VmHWM:") > before + (1 << 20)) GTEST_SKIP() << "the peak of memory cannot be reset here";
  const auto model = read_checkpoint(folder_.path() / "large", config, torch::kCPU);
  const auto peak = memory("VmHWM:") - before;
  const auto own = 4 * parameter_count(config);
  const auto largest = std::int64_t{4} * config.hidden * config.intermediate;
  EXPECT_GT(own, 100'000'000);
  EXPECT_LT(peak, own + largest + (8 << 20));
}

TEST_F(Checkpoint, NamesTheNestedKey) {
  edit_config("llama4rec", {{"dropout", 3}});
  EXPECT_THAT(fault(), HasSubstr("key \"llama4rec.dropout\" is 3, expected a number from 0 to 0.99"));
}

TEST_F(Checkpoint, NamesTheFileThatIsMissingOrDamaged) {
  for (const std::string name : {"tokenizer.model", "model.safetensors", "config.json"}) {
    const auto bytes = read_file(file(name));
    std::filesystem::remove(file(name));
    EXPECT_THAT(fault(), HasSubstr(name));
    write_file_atomically(file(name), std::string_view(bytes).substr(0, bytes.size() / 3));
    EXPECT_THAT(fault(), HasSubstr(name));
    write_file_atomically(file(name), bytes);
  }
  EXPECT_EQ(fault(), "loaded");
}

TEST_F(Checkpoint, RefusesATokeniserThatIsLargerThanTheModel) {
  ModelOptions options;
  options.vocabulary = 900;
  std::vector<std::pair<std::string, std::int64_t>> texts;
  for (int i = 0; i < 400; ++i) texts.emplace_back("some title number " + std::to_string(i * 7919), 2);
  train_tokenizer(texts, options, 1, file("tokenizer.model"));
  EXPECT_THAT(fault(), HasSubstr("tokenizer.model"));
}

TEST(ModelConfig, RefusesImpossibleOptions) {
  auto options = tiny_options();
  options.heads = 5;
  EXPECT_THROW((void)make_config(options, 300, 1, {2}), UsageError);
  options = tiny_options();
  options.key_value_heads = 3;
  EXPECT_THROW((void)make_config(options, 300, 1, {2}), UsageError);
  options = tiny_options();
  options.heads = options.key_value_heads = 32;  // heads of one dimension cannot rotate
  EXPECT_THROW((void)make_config(options, 300, 1, {2}), UsageError);
}

TEST(ModelConfig, SurvivesItsJson) {
  auto config = tiny_config(37, 4, 2, false);
  config.dropout = 0.15;
  config.rope_theta = 500000;
  config.norm_epsilon = 1e-6;
  EXPECT_EQ(config_from_json(config_to_json(config), "config.json"), config);
  config.query_key_value_bias = true;
  config.rope_scaling = {.factor = 8, .low_frequency_factor = 1, .high_frequency_factor = 4, .original_context = 8192};
  EXPECT_EQ(config_from_json(config_to_json(config), "config.json"), config);
}

/// As the publishers write them, with keys that do not matter here left in.
TEST(ModelConfig, ReadsPublishedConfigurations) {
  const auto llama = config_from_json(R"({"architectures": ["LlamaForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "bos_token_id": 128000, "eos_token_id": 128001, "head_dim": 64, "hidden_act": "silu",
    "hidden_size": 2048, "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": false,
    "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8,
    "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0,
    "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"},
    "rope_theta": 500000.0, "tie_word_embeddings": true, "vocab_size": 128256})",
                                      "config.json");
  EXPECT_EQ(llama.rope_scaling.factor, 32);
  EXPECT_EQ(llama.rope_scaling.original_context, 8192);
  EXPECT_EQ(llama.rope_theta, 500000);
  EXPECT_FALSE(llama.query_key_value_bias);
  EXPECT_EQ(parameter_count(llama), 1'235'814'400) << "the publisher's count";
  const auto qwen = config_from_json(R"({"architectures": ["Qwen2ForCausalLM"], "bos_token_id": 151643,
    "eos_token_id": 151643, "hidden_act": "silu", "hidden_size": 896, "intermediate_size": 4864,
    "max_position_embeddings": 32768, "max_window_layers": 24, "model_type": "qwen2", "num_attention_heads": 14,
    "num_hidden_layers": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
    "sliding_window": 32768, "tie_word_embeddings": true, "use_sliding_window": false, "vocab_size": 151936})",
                                     "config.json");
  EXPECT_TRUE(qwen.query_key_value_bias);
  EXPECT_EQ(parameter_count(qwen), 494'032'768) << "the publisher's count";
  const auto newer = config_from_json(R"({"model_type": "llama", "hidden_size": 8, "intermediate_size": 8,
    "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 64, "vocab_size": 9,
    "rope_parameters": {"rope_type": "default", "rope_theta": 250000.0}})",
                                      "config.json");
  EXPECT_EQ(newer.rope_theta, 250000);
  const auto mistral =
      config_from_json(R"({"architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
    "head_dim": 128, "hidden_act": "silu", "hidden_size": 5120, "intermediate_size": 14336,
    "max_position_embeddings": 131072, "model_type": "mistral", "num_attention_heads": 32, "num_hidden_layers": 40,
    "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "sliding_window": null,
    "tie_word_embeddings": false, "vocab_size": 131072})",
                       "config.json");
  EXPECT_EQ(mistral.head_dimension(), 128);
  EXPECT_EQ(mistral.context, 131072);
  EXPECT_EQ(parameter_count(mistral), 12'247'782'400) << "the publisher's count";
}

TEST(ModelConfig, ReadsBackWhatItTakesFromTheSmallestFiles) {
  const std::string base =
      R"({"model_type": "llama", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
    "max_position_embeddings": 64, )";
  // The usual first token, 1, does not exist here.
  const auto one_token = config_from_json(base + R"("vocab_size": 1})", "config.json");
  EXPECT_EQ(one_token.begin_token, 0);
  EXPECT_EQ(config_from_json(config_to_json(one_token), "config.json"), one_token);
  // A scaling by 1 is none.
  const auto unscaled =
      config_from_json(base + R"("vocab_size": 9, "rope_scaling": {"rope_type": "llama3", "factor": 1.0,
    "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}})",
                       "config.json");
  EXPECT_EQ(unscaled.rope_scaling, RotaryScaling{});
  EXPECT_EQ(config_from_json(config_to_json(unscaled), "config.json"), unscaled);
}

TEST(ModelConfig, BoundsTheContextByASlidingWindow) {
  const std::string base =
      R"({"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
    "max_position_embeddings": 32768, "vocab_size": 9, "eos_token_id": [7, 8, 7], )";
  const auto window = config_from_json(base + R"("model_type": "mistral", "sliding_window": 4096})", "config.json");
  EXPECT_EQ(window.context, 4096);
  EXPECT_EQ(window.end_tokens, (std::vector<std::int64_t>{7, 8}));
  const auto used = R"("model_type": "qwen2", "use_sliding_window": true, "sliding_window": 1024})";
  EXPECT_EQ(config_from_json(base + used, "config.json").context, 1024);
  const auto unused = R"("model_type": "qwen2", "use_sliding_window": false, "sliding_window": 1024})";
  EXPECT_EQ(config_from_json(base + unused, "config.json").context, 32768);
}

TEST(ModelConfig, KeepsEndTokensAndTemplatesThroughItsJson) {
  auto config = tiny_config(37, 4, 2, false);
  config.end_tokens = {5, 2};
  config.chat_template = "llama2";
  config.system_text = "Be \"brief\".\n";
  EXPECT_EQ(config_from_json(config_to_json(config), "config.json"), config);
  add_generation_config(R"({"eos_token_id": [2, 9]})", "generation_config.json", config);
  EXPECT_EQ(config.end_tokens, (std::vector<std::int64_t>{5, 2, 9}));
}

}  // namespace
}  // namespace llama4rec::llm
