// Blocks of report documents (docs/report.md) as the pipeline writes them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace llama4rec::pipeline::report_blocks {

nlohmann::json column(const std::string& title, bool right = true);
/// Without rows; `columns` are titles, the first one left-aligned.
nlohmann::json table(const std::string& caption, const std::vector<std::string>& columns);
nlohmann::json series(const std::string& name, nlohmann::json x, nlohmann::json y);
nlohmann::json plot(const std::string& kind, const std::string& caption, const std::string& x, const std::string& y,
                    nlohmann::json all);
/// A cell that leads to `file`, seen from the page beside it.
nlohmann::json link(const std::string& text, const std::filesystem::path& file, const std::filesystem::path& page);
nlohmann::json command(const std::string& line);

std::string number_text(double value);   ///< 0.0524
std::string signed_text(double value);   ///< +0.0031
std::string percent_text(double share);  ///< +9.52%

}  // namespace llama4rec::pipeline::report_blocks
