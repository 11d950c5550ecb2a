// The program as its user meets it: a command line in; text and an exit status out.
#include "apps/program.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/command.h"
#include "config/options_markdown.h"
#include "core/atomic_file.h"

namespace llama4rec::apps {
namespace {

using ::testing::HasSubstr;

struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
};

Outcome run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "llama4rec");
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.status = run_program(static_cast<int>(arguments.size()), pointers.data());
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.err = testing::internal::GetCapturedStderr();
  return outcome;
}

// A refusal is exit status 2, one line on stderr and nothing on stdout.
std::string refusal(std::vector<std::string> arguments) {
  const auto outcome = run(std::move(arguments));
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_TRUE(outcome.err.starts_with("llama4rec: ")) << outcome.err;
  return outcome.err;
}

class ConfigFile {
 public:
  explicit ConfigFile(const std::string& yaml)
      : file_(testing::TempDir() + "program." + std::to_string(getpid()) + ".yaml") {
    std::ofstream(file_) << yaml;
  }
  ~ConfigFile() { std::filesystem::remove(file_); }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;
  ConfigFile(ConfigFile&&) = delete;
  ConfigFile& operator=(ConfigFile&&) = delete;
  [[nodiscard]] std::string name() const { return file_.string(); }

 private:
  std::filesystem::path file_;
};

TEST(ProgramTest, HelpAndVersionGoToStdoutWithStatus0) {
  const auto help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, testing::AllOf(HasSubstr("config"), HasSubstr("--set"), HasSubstr("Exit status")));
  const auto version = run({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.out, testing::MatchesRegex("llama4rec [0-9.]+\n"));
}

TEST(ProgramTest, WrongCommandLinesAreRefusedInOneLine) {
  EXPECT_THAT(refusal({}), HasSubstr("subcommand is required"));
  EXPECT_THAT(refusal({"confg"}), HasSubstr("unknown command 'confg'; the nearest is 'config'"));
  EXPECT_THAT(refusal({"frobnicate"}), HasSubstr("unknown command 'frobnicate'; expected one of data, config, "));
  EXPECT_THAT(refusal({"config", "show", "--device", "gpu"}), HasSubstr("expected cpu, cuda, cuda:N or auto"));
  EXPECT_THAT(refusal({"config"}), HasSubstr("subcommand is required"));
  EXPECT_THAT(refusal({"config", "show", "--nonsense"}), HasSubstr("--nonsense"));
  EXPECT_THAT(refusal({"config", "show", "extra"}), HasSubstr("extra"));
  EXPECT_THAT(refusal({"config", "show", "--config"}), HasSubstr("--config"));
  EXPECT_THAT(refusal({"--log-level", "loud", "config", "show"}), HasSubstr("log level 'loud' is unknown"));
}

TEST(ProgramTest, SamplingOutsideOfItsRangeIsRefused) {
  const auto generate = [](const char* flag, const char* value) {
    return refusal({"llm", "generate", "--model", "nowhere", "--prompt", "x", flag, value});
  };
  for (const char* value : {"-0.1", "2.5", "nan", "inf"}) {
    EXPECT_THAT(generate("--temperature", value), HasSubstr("expected a number from 0 to 2")) << value;
  }
  for (const char* value : {"-0.1", "1.01", "nan"}) {
    EXPECT_THAT(generate("--top-p", value), HasSubstr("expected a number from 0 to 1")) << value;
  }
  EXPECT_THAT(generate("--temperature", "warm"), HasSubstr("--temperature"));
  EXPECT_THAT(refusal({"llm", "generate", "--remote", "http://127.0.0.1:1/v1", "--prompt", "x", "--top-p", "0.5"}),
              HasSubstr("--top-p is for models here"));
}

TEST(ProgramTest, GlobalOptionsStandBeforeOrAfterTheCommand) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"--json", "--seed", "7", "--set", "threads=1", "--set", "device=cpu", "config", "show"},
           {"config", "show", "--json", "--seed", "7", "--set", "threads=1", "--set", "device=cpu"},
           {"config", "--json", "--set", "threads=1", "show", "--seed=7", "--set=device=cpu"}}) {
    const auto outcome = run(arguments);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    const auto document = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(document["seed"]["value"], 7);
    EXPECT_EQ(document["seed"]["origin"], "--seed");
    EXPECT_EQ(document["threads"]["value"], 1);
    EXPECT_EQ(document["threads"]["origin"], "--set");
  }
}

TEST(ProgramTest, FlagsWinOverAssignmentsAndThoseOverTheFile) {
  const ConfigFile file("seed: 2\nthreads: 1\n");
  const auto document = nlohmann::json::parse(run({"config", "show", "--config", file.name(), "--set", "seed=3",
                                                   "--set", "threads=2", "--threads", "1", "--json"})
                                                  .out);
  EXPECT_EQ(document["seed"]["value"], 3);
  EXPECT_EQ(document["threads"]["value"], 1);
  EXPECT_EQ(document["threads"]["origin"], "--threads");
  EXPECT_EQ(document["device"]["origin"], "default");
}

TEST(ProgramTest, TheShownConfigurationIsAConfigurationFile) {
  const auto first = run({"config", "show", "--seed", "5"});
  ASSERT_EQ(first.status, 0) << first.err;
  const ConfigFile file(first.out);
  EXPECT_EQ(run({"config", "show", "--config", file.name()}).out, first.out);
}

TEST(ProgramTest, WrongConfigurationsAreRefusedWithFileLineAndKey) {
  const ConfigFile file("threads: 1\nsed: 2\n");
  EXPECT_THAT(refusal({"config", "show", "--config", file.name()}),
              testing::AllOf(HasSubstr(file.name() + ":2: unknown key 'sed'"), HasSubstr("the nearest is 'seed'")));
  EXPECT_THAT(refusal({"config", "show", "--seed", "x"}), HasSubstr("--seed: key 'seed': expected an integer"));
  EXPECT_THAT(refusal({"config", "show", "--set", "threads=-1"}),
              HasSubstr("--set: key 'threads': expected an integer"));
  EXPECT_THAT(refusal({"config", "show", "--config", "/nonexistent.yaml"}),
              HasSubstr("/nonexistent.yaml: cannot be opened"));
}

TEST(ProgramTest, OptionsAreListedAsTextAndAsJson) {
  EXPECT_THAT(run({"config", "options"}).out, HasSubstr("seed: an integer of at least 0 (default 1)\n"));
  const auto rows = nlohmann::json::parse(run({"config", "options", "--json"}).out);
  const auto seed = std::find_if(rows.begin(), rows.end(), [](const auto& row) { return row["name"] == "seed"; });
  ASSERT_NE(seed, rows.end());
  EXPECT_EQ((*seed)["default"], 1);
}

TEST(OptionsPageTest, ThePageInTheRepositoryIsThatOfTheDeclarations) {
  const std::filesystem::path page = std::filesystem::path(LLAMA4REC_SOURCE_DIR) / "docs/options.md";
  ASSERT_TRUE(std::filesystem::exists(page)) << page;
  EXPECT_EQ(read_file(page), run({"config", "options", "--markdown"}).out)
      << "docs/options.md is stale; make it anew: llama4rec config options --markdown > docs/options.md";
}

}  // namespace
}  // namespace llama4rec::apps
