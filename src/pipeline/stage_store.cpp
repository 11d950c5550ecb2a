#include "pipeline/stage_store.h"

#include <chrono>
#include <optional>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/atomic_file.h"
#include "core/digest.h"
#include "core/folders.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/text.h"

namespace llama4rec::pipeline {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Raised when a stage's work or files change their meaning, so that old ones are not mistaken for new ones.
constexpr const char* kFormat = "llama4rec stage 1";

Json digests(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename() != "done.json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  Json result = Json::object();
  for (const fs::path& file : files) {
    result[fs::relative(file, folder).generic_string()] = file_digest(file, DigestKind::kSha256);
  }
  return result;
}

/// The finished stage in `folder`, or nothing where it is not finished or damaged.
std::optional<StageResult> finished(const std::string& name, const fs::path& folder) {
  if (!fs::exists(folder / "done.json")) return std::nullopt;
  const Json done = Json::parse(read_file(folder / "done.json"), nullptr, false);
  if (done.is_discarded() || !done.contains("files") || !done.contains("summary") || !done.contains("seconds") ||
      done["files"] != digests(folder)) {
    log::warn("stage {} in {} is damaged (its files do not match done.json); it is done anew", name, folder.string());
    std::error_code error;
    fs::remove_all(folder, error);
    if (error) throw InternalError(fmt::format("cannot remove the damaged {}: {}", folder.string(), error.message()));
    return std::nullopt;
  }
  return StageResult{
      .key = {}, .path = folder, .summary = done["summary"], .seconds = done["seconds"].get<double>(), .reused = true};
}

}  // namespace

StageStore::StageStore(fs::path root) : root_(std::move(root)) { make_folder(root_); }

StageResult StageStore::run(const std::string& name, const std::vector<std::string>& dependencies,
                            const std::function<void(StageFolder&)>& work, const std::string& subject) {
  throw_if_interrupted("before stage " + name);
  const std::string key =
      sha256(fmt::format("{}\n{}\n{}", kFormat, name, text::join(dependencies, "\n"))).substr(0, 16);
  const fs::path folder = root_ / fmt::format("{}-{}", name, key);
  if (auto done = finished(name, folder)) {
    done->key = key;
    log::info("{}: done before ({:.1f} s)", name, done->seconds);
    timings_.push_back({name, subject, key, done->seconds, true});
    return *done;
  }
  make_folder(folder);
  remove_temporary_files(folder);
  StageFolder stage{.path = folder};
  const auto start = std::chrono::steady_clock::now();
  work(stage);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  Json done;
  done["stage"] = name;
  done["key"] = key;
  done["dependencies"] = dependencies;
  done["seconds"] = seconds;
  done["summary"] = stage.summary;
  done["files"] = digests(folder);
  write_file_atomically(folder / "done.json", done.dump(2) + "\n");
  log::info("{}: {:.1f} s", name, seconds);
  timings_.push_back({name, subject, key, seconds, false});
  return {.key = key, .path = folder, .summary = stage.summary, .seconds = seconds, .reused = false};
}

}  // namespace llama4rec::pipeline
