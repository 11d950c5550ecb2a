#include "apps/llm_text.h"

#include <string_view>

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/text.h"

namespace llama4rec::apps {
namespace {

/// Lines without their ends.
std::vector<std::string_view> lines_of(std::string_view content) {
  auto lines = text::split(content, "\n");
  for (auto& line : lines) {
    if (line.ends_with('\r')) line.remove_suffix(1);
  }
  return lines;
}

std::string member(const nlohmann::json& row, const char* key, bool required, const FileLocation& where) {
  if (!row.contains(key)) {
    if (required) throw DataError(where, fmt::format("key \"{}\" is missing", key));
    return "";
  }
  if (!row[key].is_string())
    throw DataError(where, fmt::format("key \"{}\" is {}, expected a text", key, row[key].dump()));
  return row[key].get<std::string>();
}

}  // namespace

std::vector<std::string> read_text_lines(const std::filesystem::path& file) {
  const auto content = read_file(file);
  std::vector<std::string> texts;
  for (const auto line : lines_of(content)) {
    if (!line.empty()) texts.emplace_back(line);
  }
  if (texts.empty()) throw DataError({.file = file.string()}, "the file has no text; expected one text per line");
  return texts;
}

std::vector<llm::TrainingText> read_instructions(const std::filesystem::path& file) {
  const auto content = read_file(file);
  std::vector<llm::TrainingText> texts;
  std::size_t number = 0;
  for (const auto line : lines_of(content)) {
    const FileLocation where{.file = file.string(), .line = ++number};
    if (text::trim(line).empty()) continue;
    const auto row = nlohmann::json::parse(line, nullptr, false);
    if (!row.is_object()) throw DataError(where, "expected a JSON object with instruction, input and output");
    const auto instruction = member(row, "instruction", true, where);
    const auto input = member(row, "input", false, where);
    const auto output = member(row, "output", true, where);
    if (output.empty()) throw DataError(where, "key \"output\" is empty, there is nothing to learn");
    llm::TrainingText text{.segments = {instruction}, .learn = {false}};
    if (!input.empty()) {
      text.segments.push_back("\n");
      text.segments.push_back(input);
    }
    text.segments.push_back("\n");
    text.segments.push_back(output);
    text.learn.resize(text.segments.size(), false);
    text.learn.back() = true;
    texts.push_back(std::move(text));
  }
  if (texts.empty())
    throw DataError({.file = file.string()}, "the file has no instructions; expected one JSON object per line");
  return texts;
}

}  // namespace llama4rec::apps
