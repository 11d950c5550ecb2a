#include <fmt/format.h>
#include <llama4rec/error.h>

#include <iostream>

#include "apps/commands.h"
#include "core/atomic_file.h"
#include "core/json_text.h"
#include "report/report.h"

namespace llama4rec::apps {
namespace {

std::string render_file(const std::string& file) {
  const auto document = parse_json(read_file(file), file);
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
