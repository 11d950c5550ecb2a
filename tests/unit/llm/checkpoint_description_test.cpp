// What a checkpoint folder holds, and that its fingerprint is that of the content.
#include "llm/checkpoint_description.h"

#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "llm/embedded_llm.h"
#include "unit/llm/support.h"

namespace llama4rec::llm {
namespace {

using ::testing::HasSubstr;
using testing::small_tokenizer_file;
using testing::TemporaryFolder;
using testing::tiny_options;

class CheckpointFolder : public ::testing::Test {
 protected:
  CheckpointFolder() : tokenizer_(small_tokenizer_file(folder_)) { model(3)->save(folder_ / "model"); }
  [[nodiscard]] std::unique_ptr<EmbeddedLlm> model(std::uint64_t seed) const {
    return EmbeddedLlm::create(tokenizer_, tiny_options(), seed, torch::kCPU);
  }
  [[nodiscard]] std::string fingerprint() const { return describe_checkpoint(folder_ / "model").fingerprint; }

  TemporaryFolder folder_;
  std::filesystem::path tokenizer_;
};

TEST_F(CheckpointFolder, IsDescribedAsTheLoadedModelIs) {
  const auto description = describe_checkpoint(folder_ / "model");
  EXPECT_EQ(description.name, "model");
  EXPECT_EQ(description.parameters, model(3)->parameters());
  EXPECT_EQ(description.context, tiny_options().context);
}

TEST_F(CheckpointFolder, HasANameHoweverItsPathIsWritten) {
  for (const char* path : {"model/", "model/.", "./model"}) {
    EXPECT_EQ(describe_checkpoint(folder_ / path).name, "model") << path;
  }
}

TEST_F(CheckpointFolder, HasTheSameFingerprintElsewhereAndWithOtherFilesBesideIt) {
  const auto before = fingerprint();
  std::filesystem::copy(folder_ / "model", folder_ / "copy", std::filesystem::copy_options::recursive);
  write_file_atomically(folder_ / "copy" / "README.md", "a model");
  EXPECT_EQ(describe_checkpoint(folder_ / "copy").fingerprint, before);
}

TEST_F(CheckpointFolder, HasAnotherFingerprintWhereAByteOfTheWeightsIsAnother) {
  const auto before = fingerprint();
  std::fstream weights(folder_ / "model" / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
  weights.seekg(-1, std::ios::end);
  const char last = static_cast<char>(weights.peek());
  weights.seekp(-1, std::ios::end);
  weights.put(static_cast<char>(last ^ 1));
  weights.close();
  EXPECT_NE(fingerprint(), before);
}

TEST_F(CheckpointFolder, HasAnotherFingerprintWhereAnswersEndElsewhere) {
  const auto before = fingerprint();
  write_file_atomically(folder_ / "model" / "generation_config.json", R"({"eos_token_id": [2, 5]})");
  EXPECT_NE(fingerprint(), before);
}

/// Adapters beside folder/model, learned from one text.
void make_adapters(const TemporaryFolder& folder, const std::string& text, const std::string& name) {
  const auto model = EmbeddedLlm::load(folder / "model", torch::kCPU);
  TuningOptions options;
  options.epochs = 1;
  options.method = "lora";
  (void)model->train([&](std::int64_t) { return std::vector<TrainingText>{{.segments = {text}, .learn = {true}}}; },
                     options, 1, {});
  model->save_adapters(folder / name);
}

TEST_F(CheckpointFolder, OfAdaptersIsDescribedAsItsBaseWithAFingerprintOfItsOwn) {
  make_adapters(folder_, "Alien", "first");
  make_adapters(folder_, "Aliens", "second");
  const auto first = describe_checkpoint(folder_ / "first");
  EXPECT_EQ(first.name, "first");
  EXPECT_EQ(first.parameters, model(3)->parameters());
  const std::set<std::string> different{fingerprint(), first.fingerprint,
                                        describe_checkpoint(folder_ / "second").fingerprint};
  EXPECT_EQ(different.size(), 3U);
  model(4)->save(folder_ / "model");
  EXPECT_NE(describe_checkpoint(folder_ / "first").fingerprint, first.fingerprint);
}

TEST_F(CheckpointFolder, OfAdaptersIsRefusedWithoutItsBase) {
  make_adapters(folder_, "Alien", "adapters");
  std::filesystem::rename(folder_ / "model", folder_ / "moved");
  try {
    (void)describe_checkpoint(folder_ / "adapters");
    FAIL() << "described";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("is not there (base_model_name_or_path)"));
  }
}

TEST_F(CheckpointFolder, IsRefusedWithoutTokeniserOrWeights) {
  const auto fault = [&] {
    try {
      (void)fingerprint();
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("described");
  };
  std::filesystem::remove(folder_ / "model" / "model.safetensors");
  EXPECT_THAT(fault(), HasSubstr("model.safetensors: is missing"));
  std::filesystem::remove(folder_ / "model" / "tokenizer.model");
  EXPECT_THAT(fault(), HasSubstr("holds neither a tokenizer.model nor a tokenizer.json"));
}

}  // namespace
}  // namespace llama4rec::llm
