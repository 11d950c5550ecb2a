#include "report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "report/html.h"

namespace llama4rec::report {
namespace {

struct Column {
  std::string title;
  std::string align;
  bool has_marks = false;  ///< marks of significance behind its numbers
  bool is_long = false;    ///< texts that need some width to be read

  [[nodiscard]] std::string css_class() const {
    return align + (has_marks ? " marked" : "") + (is_long ? " long" : "");
  }
};

constexpr std::size_t kLongText = 16;  // bytes

struct Cell {
  std::string text;
  std::string link;  ///< relative path; empty where the cell leads nowhere
};

using Row = std::vector<Cell>;

/// How many bytes of `cell` stand before the marks that end it, and before the blank between.
std::size_t unmarked_size(std::string_view cell) {
  constexpr std::array<std::string_view, 3> kMarks = {"*", "†", "‡"};
  std::size_t size = cell.size();
  for (bool found = true; found;) {
    const auto ends = [&](std::string_view mark) { return cell.substr(0, size).ends_with(mark); };
    const auto* const mark = std::find_if(kMarks.begin(), kMarks.end(), ends);
    found = mark != kMarks.end();
    if (found) size -= mark->size();
  }
  if (size == cell.size()) return size;
  while (size > 0 && cell[size - 1] == ' ') --size;
  return size == 0 ? cell.size() : size;
}

std::string cell_content(const Column& column, const Cell& whole) {
  const std::string_view cell = whole.text;
  if (!whole.link.empty()) return fmt::format("<a href=\"{}\">{}</a>", relative_link(whole.link), escape(cell));
  const auto size = unmarked_size(cell);
  if (!column.has_marks || size == cell.size()) return escape(cell);
  return fmt::format("{}<span class=\"marks\">{}</span>", escape(cell.substr(0, size)), escape(cell.substr(size)));
}

std::vector<Column> read_columns(const Node& node) {
  std::vector<Column> columns;
  for (const auto& column : node.elements()) {
    column.expect_fields({"title"}, {"align"});
    columns.push_back({.title = column.at("title").text(),
                       .align = column.has("align") ? column.at("align").choice({"left", "right", "center"}) : "left"});
  }
  if (columns.empty()) node.fail("at least one column", "none");
  return columns;
}

Cell read_cell(const Node& node) {
  if (!node.is_object()) return {.text = node.text_or_number(), .link = {}};
  node.expect_fields({"text", "link"});
  const Node link = node.at("link");
  if (link.text().empty() || link.text().front() == '/')
    link.fail("a relative path", link.text().empty() ? "none" : "an absolute one");
  return {.text = node.at("text").text_or_number(), .link = link.text()};
}

/// Also finds out what the columns hold.
std::vector<Row> read_rows(const Node& node, std::vector<Column>& columns) {
  std::vector<Row> rows;
  for (const auto& row : node.elements()) {
    const auto cells = row.elements();
    if (cells.size() != columns.size()) {
      row.fail(fmt::format("{} cells, one for each column", columns.size()), std::to_string(cells.size()));
    }
    Row read;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      read.push_back(read_cell(cells[i]));
      const std::string& text = read.back().text;
      if (columns[i].align == "right" && unmarked_size(text) < text.size()) columns[i].has_marks = true;
      if (columns[i].align == "left" && text.size() > kLongText) columns[i].is_long = true;
    }
    rows.push_back(std::move(read));
  }
  return rows;
}

std::string render_row(const Row& row, const std::vector<Column>& columns, bool highlighted) {
  std::string html = highlighted ? "<tr class=\"highlight\">" : "<tr>";
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::string content = cell_content(columns[i], row[i]);
    html += i == 0 ? fmt::format(R"(<th scope="row" class="{}">{}</th>)", columns[i].css_class(), content)
                   : fmt::format(R"(<td class="{}">{}</td>)", columns[i].css_class(), content);
  }
  return html + "</tr>\n";
}

std::string render_notes(const Node& node) {
  const auto notes = node.elements();
  if (notes.empty()) return "";
  std::string html = "<ul class=\"notes\">\n";
  for (const auto& note : notes) html += fmt::format("<li>{}</li>\n", escape(note.text()));
  return html + "</ul>\n";
}

}  // namespace

std::string scrolling(std::string_view label, std::string_view content) {
  return fmt::format("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">\n{}</div>\n",
                     escape(label.empty() ? "Table" : label), content);
}

std::string render_table(const Node& block) {
  block.expect_fields({"type", "caption", "columns", "rows"}, {"highlight_rows", "notes"});
  const std::string& caption = block.at("caption").text();
  auto columns = read_columns(block.at("columns"));
  const auto rows = read_rows(block.at("rows"), columns);
  std::vector<bool> highlighted(rows.size(), false);
  if (block.has("highlight_rows")) {
    for (const auto& index : block.at("highlight_rows").elements()) highlighted[index.index_below(rows.size())] = true;
  }
  std::string table = fmt::format("<table><caption><span>{}</span></caption>\n<thead><tr>", escape(caption));
  for (const auto& column : columns) {
    table += fmt::format(R"(<th scope="col" class="{}">{}</th>)", column.css_class(), escape(column.title));
  }
  table += "</tr></thead>\n<tbody>\n";
  for (std::size_t i = 0; i < rows.size(); ++i) table += render_row(rows[i], columns, highlighted[i]);
  if (rows.empty()) table += fmt::format("<tr><td class=\"none\" colspan=\"{}\">none</td></tr>\n", columns.size());
  table += "</tbody></table>\n";
  return "<div class=\"card\">\n" + scrolling(caption, table) +
         (block.has("notes") ? render_notes(block.at("notes")) : "") + "</div>\n";
}

}  // namespace llama4rec::report
