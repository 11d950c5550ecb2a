// Finished stages of a run, each in a folder of its own, found again by a hash of what it depends on.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace llama4rec::pipeline {

/// What a stage's work is given: where to write, and what to say about it.
struct StageFolder {
  std::filesystem::path path;  ///< write files here; it may hold what an interrupted attempt left (training states)
  nlohmann::ordered_json summary = nlohmann::ordered_json::object();  ///< kept with the stage and given back by `run`
};

/// A finished stage.
struct StageResult {
  std::string key;             ///< hash of all it depends on; part of the keys of stages that use it
  std::filesystem::path path;  ///< its files
  nlohmann::ordered_json summary;
  double seconds = 0;   ///< that the work took when it was done
  bool reused = false;  ///< it was there already
};

/// Keeps stages under `root`/NAME-KEY. A stage is done when its done.json is there: it holds the dependencies in words, the digest
/// of every file, the summary and the seconds, and is written last. Work that was cut short leaves no done.json and is done
/// again in the same folder; a folder whose files do not match their digests is done anew, with a warning.
class StageStore {
 public:
  explicit StageStore(std::filesystem::path root);

  /// Does the work unless it is done. `dependencies`: lines that decide the result (options, seeds, keys of other stages). `subject`: what
  /// tells stages of one name apart for a reader of timings, such as the recommender that is fit.
  StageResult run(const std::string& name, const std::vector<std::string>& dependencies,
                  const std::function<void(StageFolder&)>& work, const std::string& subject = "");
  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  /// Every stage of this process in the order of use.
  struct Timing {
    std::string name;
    std::string subject;
    std::string key;
    double seconds = 0;
    bool reused = false;
    /// "base mf", "tune-plain".
    [[nodiscard]] std::string label() const { return subject.empty() ? name : name + " " + subject; }
  };
  [[nodiscard]] const std::vector<Timing>& timings() const { return timings_; }

 private:
  std::filesystem::path root_;
  std::vector<Timing> timings_;
};

}  // namespace llama4rec::pipeline
