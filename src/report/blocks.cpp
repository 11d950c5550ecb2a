#include "report/blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/text.h"
#include "report/html.h"
#include "report/plot.h"
#include "report/table.h"

namespace llama4rec::report {
namespace {

std::string render_plot(const Node& block, BlockContext& context) {
  const Plot plot = read_plot(block);
  std::string html = fmt::format("<figure class=\"card plot\">\n<figcaption>{}</figcaption>\n", escape(plot.caption));
  const bool drawn = context.with_charts && plot.has_values();
  if (drawn) {
    ++context.charts;
    html += fmt::format(
        "<div class=\"chart\" role=\"img\" aria-label=\"{}\" data-chart=\"chart-{}\"></div>\n"
        "<noscript><p class=\"hint\">The chart needs JavaScript; its data are below.</p></noscript>\n"
        "<script type=\"application/json\" id=\"chart-{}\">{}</script>\n",
        escape(chart_description(plot)), context.charts, context.charts, json_for_script(chart_data(plot)));
  } else if (!plot.has_values()) {
    html += "<p class=\"hint\">No data.</p>\n";
  }
  html += fmt::format("<details class=\"data\"{}><summary>Data of this plot</summary>\n{}</details>\n</figure>\n",
                      drawn || !plot.has_values() ? "" : " open", scrolling(plot.caption, data_table(plot)));
  return html;
}

std::string example_field(const Node& field) {
  field.expect_fields({"name"}, {"text", "list"});
  if (field.has("text") == field.has("list"))
    field.fail("either \"text\" or \"list\"", field.has("text") ? "both" : "none");
  std::string html = fmt::format("<dt>{}</dt>\n<dd>", escape(field.at("name").text()));
  if (field.has("text")) {
    html += fmt::format("<div class=\"verbatim\">{}</div>", escape(field.at("text").text()));
  } else {
    html += "<ol>";
    for (const auto& element : field.at("list").elements()) html += fmt::format("<li>{}</li>", escape(element.text()));
    html += "</ol>";
  }
  return html + "</dd>\n";
}

std::string block_heading(const Node& block) {
  const std::string& caption = block.at("caption").text();
  return caption.empty() ? "" : fmt::format("<h3>{}</h3>\n", escape(caption));
}

std::string render_examples(const Node& block) {
  block.expect_fields({"type", "caption", "items"});
  std::string html = "<div class=\"examples\">\n" + block_heading(block);
  bool first = true;
  for (const auto& item : block.at("items").elements()) {
    item.expect_fields({"title", "fields"});
    html += fmt::format("<details class=\"card example\"{}><summary>{}</summary>\n<dl>\n", first ? " open" : "",
                        escape(item.at("title").text()));
    for (const auto& field : item.at("fields").elements()) html += example_field(field);
    html += "</dl>\n</details>\n";
    first = false;
  }
  if (first) html += "<p class=\"hint\">No examples.</p>\n";
  return html + "</div>\n";
}

std::string render_key_values(const Node& block) {
  block.expect_fields({"type", "caption", "items"});
  std::string html = "<div class=\"card\">\n" + block_heading(block) + "<dl class=\"facts\">\n";
  for (const auto& item : block.at("items").elements()) {
    const auto pair = item.elements();
    if (pair.size() != 2) item.fail("a key and a value", fmt::format("{} elements", pair.size()));
    html +=
        fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(pair[0].text()), escape(pair[1].text_or_number()));
  }
  return html + "</dl>\n</div>\n";
}

}  // namespace

std::string paragraphs(std::string_view text) {
  std::string html;
  for (const auto part : text::split(text, "\n\n")) {
    const auto paragraph = text::trim(part);
    if (!paragraph.empty()) html += fmt::format("<p>{}</p>\n", escape(paragraph));
  }
  return html;
}

std::string render_block(const Node& block, BlockContext& context) {
  const std::string& type = block.at("type").choice({"table", "plot", "examples", "key_values", "text", "code"});
  if (type == "table") return render_table(block);
  if (type == "plot") return render_plot(block, context);
  if (type == "examples") return render_examples(block);
  if (type == "key_values") return render_key_values(block);
  block.expect_fields({"type", "text"});
  if (type == "text") return fmt::format("<div class=\"prose\">\n{}</div>\n", paragraphs(block.at("text").text()));
  return fmt::format("<pre class=\"code\" tabindex=\"0\"><code>{}</code></pre>\n", escape(block.at("text").text()));
}

}  // namespace llama4rec::report
