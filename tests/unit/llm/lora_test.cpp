// Low-rank adapters: what they compute, what training leaves of the base, and their files.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>
#include <torch/autograd.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/random.h"
#include "llm/checkpoint.h"
#include "llm/embedded_llm.h"
#include "llm/lora/adapter_files.h"
#include "llm/lora/adapters.h"
#include "tensor/safetensors.h"
#include "unit/llm/support.h"

namespace llama4rec::llm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::small_tokenizer_file;
using testing::TemporaryFolder;
using testing::tiny_config;
using testing::tiny_options;
using testing::titles;
using testing::widen_weights;
using torch::Tensor;

constexpr std::int64_t kLoraVocabulary = 29;

void randomise(const LoraAdapters& adapters, double deviation) {
  const torch::NoGradGuard no_grad;
  RandomStream random(9, "adapters");
  for (const auto& [name, tensor] : adapters.parameters()) {
    float* values = tensor.data_ptr<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
  }
}

Tensor some_tokens() { return torch::tensor({3, 7, 1, 28, 5, 5, 9, 11, 2, 20}, torch::kInt64).view({2, 5}); }

TEST(Lora, ChangesNothingAtFirst) {
  const auto config = tiny_config(kLoraVocabulary, 4, 2, true);
  const Transformer model(config, 5, torch::kCPU);
  const LoraAdapters adapters(config, {.rank = 3, .dropout = 0.5}, 1, torch::kCPU);
  const TrainingPass pass{.dropout_seed = 4, .adapters = &adapters};
  EXPECT_TRUE(torch::equal(model.training_states(some_tokens(), pass),
                           model.training_states(some_tokens(), {.dropout_seed = 4})));
  for (const auto& [name, tensor] : adapters.parameters()) {
    if (name.ends_with("lora_B")) {
      EXPECT_EQ(tensor.abs().max().item<float>(), 0) << name;
      continue;
    }
    const auto bound = 1 / std::sqrt(static_cast<float>(tensor.size(1)));
    EXPECT_LE(tensor.abs().max().item<float>(), bound);
    EXPECT_GT(tensor.abs().max().item<float>(), 0.7F * bound) << name;
  }
}

TEST(Lora, MergedWeightsComputeWhatTheAdaptersDo) {
  for (const std::string targets : {"all", "attention", "k_proj,down_proj", "up_proj"}) {
    const auto config = tiny_config(kLoraVocabulary, 4, 2, true);
    Transformer model(config, 5, torch::kCPU);
    widen_weights(model, 0.3, 11);
    const LoraAdapters adapters(config, {.rank = 3, .alpha = 5, .dropout = 0.5, .targets = targets}, 1, torch::kCPU);
    randomise(adapters, 0.3);
    const auto plain = model.plain_states(some_tokens());
    const auto beside = model.training_states(some_tokens(), {.adapters = &adapters});
    adapters.merge_into(model);
    const auto merged = model.plain_states(some_tokens());
    const auto scale = beside.abs().max().item<double>();
    EXPECT_LT((merged - beside).abs().max().item<double>(), 2e-5 * scale) << targets;
    EXPECT_GT((plain - beside).abs().max().item<double>(), 1e-2 * scale) << targets;
  }
}

TEST(Lora, HasTheGradientsOfItsLoss) {
  const auto config = tiny_config(kLoraVocabulary, 4, 2, true);
  Transformer model(config, 5, torch::kCPU);
  widen_weights(model, 0.3, 11);
  const LoraAdapters adapters(config, {.rank = 3, .dropout = 0.25}, 1, torch::kCPU);
  randomise(adapters, 0.2);
  const auto loss = [&] {
    const auto states = model.training_states(some_tokens(), {.dropout_seed = 4, .adapters = &adapters});
    return model.loss(states, some_tokens().view({-1}));
  };
  std::vector<Tensor> weights;
  for (const auto& [name, tensor] : adapters.parameters()) weights.push_back(tensor);
  const auto gradients = torch::autograd::grad({loss()}, weights);
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto original = weights[i].detach().clone();
    auto direction = torch::sin(torch::arange(original.numel(), torch::kFloat32) + 1).view(original.sizes());
    direction /= direction.norm();
    const double step = 4e-3;
    weights[i].detach().copy_(original + step * direction);
    const double above = loss().item<double>();
    weights[i].detach().copy_(original - step * direction);
    const double below = loss().item<double>();
    weights[i].detach().copy_(original);
    const double expected = (above - below) / (2 * step);
    EXPECT_NEAR((gradients[i] * direction).sum().item<double>(), expected, 1e-3 + 0.02 * std::abs(expected))
        << adapters.parameters()[i].first;
  }
}

std::vector<TrainingText> pairs_of_titles(std::int64_t) {
  std::vector<TrainingText> texts;
  for (std::size_t i = 0; i + 1 < titles().size(); ++i) {
    texts.push_back({.segments = {titles()[i] + " then ", titles()[i + 1]}, .learn = {false, true}});
  }
  return texts;
}

TrainingOptions lora_options() {
  TrainingOptions options{.epochs = 4, .batch_tokens = 60, .learning_rate = 2e-2, .warmup_steps = 2};
  options.method = "lora";
  options.checkpoint_seconds = 0;
  options.lora = {.rank = 4, .alpha = 8, .dropout = 0.1};
  return options;
}

/// A checkpoint, and a model that was loaded from it and tuned.
struct Tuned {
  TemporaryFolder folder;
  std::filesystem::path base = folder / "base";
  std::unique_ptr<EmbeddedLlm> model;
  TrainingSummary summary;

  explicit Tuned(const TrainingOptions& options) {
    EmbeddedLlm::create(small_tokenizer_file(folder), tiny_options(), 3, torch::kCPU)->save(base);
    model = EmbeddedLlm::load(base, torch::kCPU);
    summary = model->train(pairs_of_titles, options, 5, {});
  }
};

TEST(Lora, LearnsBesideAnUnchangedBase) {
  const Tuned tuned(lora_options());
  EXPECT_LT(tuned.summary.losses.back(), 0.9 * tuned.summary.losses.front());
  ASSERT_TRUE(tuned.model->adapted());
  tuned.model->save_adapters(tuned.folder / "adapters");
  tuned.model->save(tuned.folder / "merged");
  const auto base = tensor::read_safetensors(tuned.base / "model.safetensors").tensors;
  const auto merged = tensor::read_safetensors(tuned.folder / "merged/model.safetensors").tensors;
  const auto factors = tensor::read_safetensors(tuned.folder / "adapters/adapter_model.safetensors").tensors;
  std::size_t changed = 0;
  for (const auto& [name, weight] : base) {
    auto expected = weight;
    if (name.ends_with("_proj.weight")) {
      const auto prefix = "base_model.model." + name.substr(0, name.size() - 6);
      expected = weight + 2.0 * torch::mm(factors.at(prefix + "lora_B.weight"), factors.at(prefix + "lora_A.weight"));
      ++changed;
      EXPECT_FALSE(torch::equal(weight, merged.at(name))) << name;
    }
    EXPECT_LT((merged.at(name) - expected).abs().max().item<double>(), 1e-6) << name;
  }
  EXPECT_EQ(factors.size(), 2 * changed);
}

TEST(Lora, SavesInTheLayoutOfPeftAndLoadsThatAgain) {
  const Tuned tuned(lora_options());
  const auto folder = tuned.folder / "adapters";
  tuned.model->save_adapters(folder);
  const auto json = nlohmann::json::parse(read_file(folder / "adapter_config.json"));
  EXPECT_EQ(json["peft_type"], "LORA");
  EXPECT_EQ(json["task_type"], "CAUSAL_LM");
  EXPECT_EQ(json["r"], 4);
  EXPECT_EQ(json["lora_alpha"], 8);
  EXPECT_EQ(json["base_model_name_or_path"], std::filesystem::absolute(tuned.base).string());
  EXPECT_THAT(json["target_modules"].get<std::vector<std::string>>(),
              ElementsAre("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"));
  EXPECT_TRUE(is_adapter_folder(folder));
  EXPECT_FALSE(is_adapter_folder(tuned.base));
  EXPECT_THROW(tuned.model->save_adapters(tuned.base), UsageError) << "nobody would find them there";
  const auto loaded = EmbeddedLlm::load(folder, torch::kCPU);
  EXPECT_EQ(loaded->fingerprint(), tuned.model->fingerprint());
  EXPECT_FALSE(loaded->adapted()) << "merged weights are nobody's base";
  std::filesystem::rename(tuned.base, tuned.folder / "elsewhere");
  EXPECT_THROW((void)EmbeddedLlm::load(folder, torch::kCPU), DataError);
  EXPECT_EQ(EmbeddedLlm::load(folder, torch::kCPU, {}, tuned.folder / "elsewhere")->fingerprint(),
            tuned.model->fingerprint());
}

TEST(Lora, AnInterruptedAndResumedRunEqualsTheUninterruptedOneBitByBit) {
  const Tuned whole(lora_options());
  const TemporaryFolder folder;
  TrainingHooks hooks{.checkpoint = folder / "training.safetensors"};
  struct Killed {};
  hooks.on_step = [](const TrainingStep& step) {
    if (step.step == 4) throw Killed{};  // behind a state that was kept within the epoch
  };
  EXPECT_THROW(EmbeddedLlm::load(whole.base, torch::kCPU)->train(pairs_of_titles, lora_options(), 5, hooks), Killed);
  hooks.on_step = [](const TrainingStep& step) { EXPECT_GT(step.step, 1); };
  const auto resumed = EmbeddedLlm::load(whole.base, torch::kCPU);
  EXPECT_EQ(resumed->train(pairs_of_titles, lora_options(), 5, hooks).losses, whole.summary.losses);
  EXPECT_EQ(resumed->fingerprint(), whole.model->fingerprint());
}

TEST(Lora, KeepsTheChatTemplateItWasTrainedWith) {
  const Tuned tuned(lora_options());
  const auto model =
      EmbeddedLlm::load(tuned.base, torch::kCPU, {.chat_template = "llama2", .system_text = "Be brief."});
  model->train(pairs_of_titles, lora_options(), 5, {});
  model->save_adapters(tuned.folder / "chat");
  const auto loaded = EmbeddedLlm::load(tuned.folder / "chat", torch::kCPU);
  EXPECT_EQ(loaded->fingerprint(), model->fingerprint()) << "the fingerprint holds the template";
  EXPECT_EQ(loaded->encode({{"x"}}), model->encode({{"x"}}));
  const auto other_text = EmbeddedLlm::load(tuned.folder / "chat", torch::kCPU, {.system_text = "Be long."});
  EXPECT_EQ(other_text->encode({{"x"}}),
            EmbeddedLlm::load(tuned.base, torch::kCPU, {.chat_template = "llama2", .system_text = "Be long."})
                ->encode({{"x"}}));
}

TEST(Lora, NamesTargetsThatDoNotExistAndRanksThatDoNotFit) {
  EXPECT_THAT(parse_adapter_targets("v_proj, q_proj,v_proj"),
              ElementsAre(AdapterTarget::kQuery, AdapterTarget::kValue));
  EXPECT_EQ(parse_adapter_targets("all").size(), 7U);
  EXPECT_EQ(parse_adapter_targets("attention").size(), 4U);
  EXPECT_THROW((void)parse_adapter_targets("qproj"), UsageError);
  EXPECT_THROW((void)parse_adapter_targets(""), UsageError);
  EXPECT_THROW(LoraAdapters(tiny_config(kLoraVocabulary, 4, 2, true), {.rank = 4000}, 1, torch::kCPU), UsageError);
}

TEST(Lora, RefusesAdaptersThatItDoesNotUnderstand) {
  const Tuned tuned(lora_options());
  const auto folder = tuned.folder / "adapters";
  tuned.model->save_adapters(folder);
  const auto good = read_file(folder / "adapter_config.json");
  const auto load_with = [&](const std::string& key, const nlohmann::json& value) {
    auto json = nlohmann::json::parse(good);
    json[key] = value;
    write_file_atomically(folder / "adapter_config.json", json.dump());
    return EmbeddedLlm::load(folder, torch::kCPU);
  };
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, nlohmann::json>>{{"peft_type", "IA3"},
                                                           {"bias", "all"},
                                                           {"use_dora", true},
                                                           {"fan_in_fan_out", true},
                                                           {"init_lora_weights", "pissa"},
                                                           {"alora_invocation_tokens", {1, 2}},
                                                           {"r", 4000},
                                                           {"modules_to_save", {"lm_head"}},
                                                           {"rank_pattern", {{"q_proj", 2}}},
                                                           {"target_modules", {"q_proj", "embed_tokens"}},
                                                           {"target_modules", nlohmann::json::array()},
                                                           {"target_modules", "all-linear"},
                                                           {"r", 0},
                                                           {"r", 5},  // the tensors have 4
                                                           {"lora_alpha", "x"},
                                                           {"base_model_name_or_path", 3},
                                                           {"base_model_name_or_path", "/nowhere"}}) {
    try {
      (void)load_with(key, value);
      ADD_FAILURE() << key << " " << value;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr("adapter")) << key;
      EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("\n")));
    }
  }
  EXPECT_EQ(load_with("loftq_config", nlohmann::json::object())->fingerprint(), tuned.model->fingerprint());
  // alpha / sqrt(rank) instead of alpha / rank: half of alpha at rank 4.
  auto json = nlohmann::json::parse(good);
  json["lora_alpha"] = 4;
  write_file_atomically(folder / "adapter_config.json", json.dump());
  EXPECT_EQ(load_with("use_rslora", true)->parameters(), tuned.model->parameters());
  json["use_rslora"] = true;
  write_file_atomically(folder / "adapter_config.json", json.dump());
  EXPECT_EQ(EmbeddedLlm::load(folder, torch::kCPU)->fingerprint(), tuned.model->fingerprint());

  write_file_atomically(folder / "adapter_config.json", good);
  auto content = tensor::read_safetensors(folder / "adapter_model.safetensors");
  const auto first = *content.tensors.begin();
  content.tensors.erase(first.first);
  tensor::write_safetensors(folder / "adapter_model.safetensors", content);
  EXPECT_THROW((void)EmbeddedLlm::load(folder, torch::kCPU), DataError) << "a tensor is missing";
  content.tensors[first.first] = first.second;
  content.tensors["base_model.model.lm_head.weight"] = first.second;
  tensor::write_safetensors(folder / "adapter_model.safetensors", content);
  EXPECT_THROW((void)EmbeddedLlm::load(folder, torch::kCPU), DataError) << "one too many";
}

}  // namespace
}  // namespace llama4rec::llm
