#include "pipeline/report_blocks.h"

#include <fmt/format.h>

namespace llama4rec::pipeline::report_blocks {

using nlohmann::json;

json column(const std::string& title, bool right) { return {{"title", title}, {"align", right ? "right" : "left"}}; }

json table(const std::string& caption, const std::vector<std::string>& columns) {
  json block{{"type", "table"}, {"caption", caption}, {"rows", json::array()}};
  for (std::size_t n = 0; n < columns.size(); ++n) block["columns"].push_back(column(columns[n], n > 0));
  return block;
}

json series(const std::string& name, json x, json y) {
  return {{"name", name}, {"x", std::move(x)}, {"y", std::move(y)}};
}

json plot(const std::string& kind, const std::string& caption, const std::string& x, const std::string& y, json all) {
  return {{"type", "plot"}, {"kind", kind}, {"caption", caption},
          {"x_title", x},   {"y_title", y}, {"series", std::move(all)}};
}

json link(const std::string& text, const std::filesystem::path& file, const std::filesystem::path& page) {
  const auto folder = std::filesystem::absolute(page).lexically_normal().parent_path();
  const auto relative = std::filesystem::absolute(file).lexically_normal().lexically_relative(folder);
  return {{"text", text}, {"link", relative.generic_string()}};
}

json command(const std::string& line) { return {{"type", "code"}, {"text", line}}; }

std::string number_text(double value) { return fmt::format("{:.4f}", value); }
std::string signed_text(double value) { return fmt::format("{:+.4f}", value); }
std::string percent_text(double share) { return fmt::format("{:+.2f}%", 100 * share); }

}  // namespace llama4rec::pipeline::report_blocks
