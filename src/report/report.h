// The HTML report: one self-contained page that opens from disk, offline, and asks nothing of any server.
//
// The page is made from a generic document (docs/report.md): sections of tables, plots, examples, key-value lists,
// texts and command lines. Who writes a document never writes HTML: every text is escaped here.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace llama4rec::report {

/// The whole page. InternalError names the place in the document (`sections[2].blocks[0].rows[3]`) that is missing, of
/// the wrong kind or unknown; ill-formed UTF-8 is shown as U+FFFD, NaN and null in a plot are gaps.
std::string render(const nlohmann::json& document);

/// Whether this build carries the charting library; without it plots appear as tables of their data.
bool has_charts();

}  // namespace llama4rec::report
