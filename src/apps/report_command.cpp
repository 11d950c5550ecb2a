#include <fmt/format.h>
#include <llama4rec/error.h>

#include <algorithm>
#include <iostream>

#include "apps/commands.h"
#include "core/atomic_file.h"
#include "report/report.h"

namespace llama4rec::apps {
namespace {

/// Where in the file a byte stands.
FileLocation location_of(const std::string& file, const std::string& text, std::size_t byte) {
  const std::string_view before = std::string_view(text).substr(0, std::min(byte, text.size()));
  const auto line_start = before.rfind('\n') + 1;  // 0 on the first line
  return {.file = file,
          .line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1,
          .column = before.size() - line_start + 1};
}

nlohmann::json read_document(const std::string& file) {
  const std::string text = read_file(file);
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    // `byte` counts from 1 and names the last byte read.
    throw DataError(location_of(file, text, error.byte == 0 ? 0 : error.byte - 1), "expected a JSON document");
  }
}

std::string render_file(const std::string& file) {
  const auto document = read_document(file);
  try {
    return report::render(document);
  } catch (const InternalError& error) {
    throw DataError({.file = file}, error.what());  // here the document is the user's, not ours
  }
}

void make_report(const Context& context, const std::string& document_file, const std::string& out) {
  const std::string page = render_file(document_file);
  write_file_atomically(out, page);
  if (context.json) {
    Context::print_json({{"report", out}, {"bytes", page.size()}, {"charts", report::has_charts()}});
  } else {
    std::cout << out << '\n';
  }
}

}  // namespace

void add_report_command(CLI::App& program, Context& context) {
  auto* command = program.add_subcommand("report", "Make a self-contained HTML page of a report's document");
  auto document = std::make_shared<std::string>();
  auto out = std::make_shared<std::string>("report.html");
  command->add_option("--document", *document, "The document (docs/report.md)")->type_name("FILE")->required();
  command->add_option("--out", *out, "The page to write")->type_name("FILE")->capture_default_str();
  command->callback([&context, document, out] { make_report(context, *document, *out); });
}

}  // namespace llama4rec::apps
