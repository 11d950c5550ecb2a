#include "pipeline/experiment_files.h"

#include "core/atomic_file.h"
#include "core/folders.h"
#include "report/report.h"

namespace llama4rec::pipeline {

std::filesystem::path experiment_page(const std::filesystem::path& directory, const std::string& name) {
  return directory / (name + ".html");
}

void write_experiment(const std::filesystem::path& directory, const std::string& name,
                      const nlohmann::ordered_json& document, const ExperimentTexts& texts) {
  make_folder(directory);
  write_file_atomically(directory / (name + ".json"), document.dump(2) + "\n");
  write_file_atomically(directory / (name + ".md"), texts.markdown);
  write_file_atomically(directory / (name + ".csv"), texts.csv);
  write_file_atomically(experiment_page(directory, name), report::render(texts.report));
}

}  // namespace llama4rec::pipeline
