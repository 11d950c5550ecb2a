#include "report/page.h"

#include <fmt/format.h>
#include <llama4rec/error.h>

#include <vector>

#include "report/blocks.h"
#include "report/document.h"
#include "report/html.h"
#include "report/report.h"

namespace llama4rec::report {
namespace {

struct Section {
  std::string title;
  std::string html;
};

std::string render_section(const Node& node, std::size_t number, BlockContext& context) {
  std::string html =
      fmt::format("<section id=\"section-{}\" aria-labelledby=\"title-{}\">\n<h2 id=\"title-{}\">{}</h2>\n", number,
                  number, number, escape(node.at("title").text()));
  if (node.has("text")) html += fmt::format("<div class=\"prose\">\n{}</div>\n", paragraphs(node.at("text").text()));
  for (const auto& block : node.at("blocks").elements()) html += render_block(block, context);
  return html + "</section>\n";
}

std::string render_header(const Node& document) {
  std::string html = fmt::format("<header class=\"top\">\n<h1>{}</h1>\n", escape(document.at("title").text()));
  if (document.has("subtitle") && !document.at("subtitle").text().empty()) {
    html += fmt::format("<p class=\"subtitle\">{}</p>\n", escape(document.at("subtitle").text()));
  }
  if (document.has("badges")) {
    const auto badges = document.at("badges").elements();
    if (!badges.empty()) html += "<ul class=\"badges\">\n";
    for (const auto& badge : badges) {
      badge.expect_fields({"text", "kind"});
      html += fmt::format("<li class=\"badge {}\">{}</li>\n",
                          badge.at("kind").choice({"info", "warning", "success", "error"}),
                          escape(badge.at("text").text()));
    }
    if (!badges.empty()) html += "</ul>\n";
  }
  return html + "</header>\n";
}

/// Left out where there is nothing to choose from.
std::string render_contents(const std::vector<Section>& sections) {
  if (sections.size() < 2) return "";
  std::string html = "<nav class=\"contents\" aria-label=\"Contents\">\n<ol>\n";
  for (std::size_t i = 0; i < sections.size(); ++i) {
    html += fmt::format("<li><a href=\"#section-{}\">{}</a></li>\n", i + 1, escape(sections[i].title));
  }
  return html + "</ol>\n</nav>\n";
}

std::string policy(const std::vector<std::string_view>& scripts, std::string_view style) {
  std::string allowed;
  for (const auto script : scripts) allowed += fmt::format(" '{}'", policy_hash(script));
  return fmt::format(
      "default-src 'none'; script-src{}; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'", allowed,
      policy_hash(style));
}

}  // namespace

std::string render_page(const nlohmann::json& document, const Assets& assets) {
  const Node root(document, "");
  root.expect_fields({"title", "sections"}, {"subtitle", "badges"});
  BlockContext context{.with_charts = !assets.charts.empty(), .charts = 0};
  std::vector<Section> sections;
  for (const auto& node : root.at("sections").elements()) {
    node.expect_fields({"title", "blocks"}, {"text"});
    sections.push_back({.title = node.at("title").text(), .html = render_section(node, sections.size() + 1, context)});
  }
  std::vector<std::string_view> scripts;
  if (context.charts > 0) scripts.push_back(assets.charts);
  scripts.push_back(assets.script);

  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
      "<meta name=\"generator\" content=\"llama4rec\">\n<link rel=\"icon\" href=\"data:,\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n",
      policy(scripts, assets.style), escape(root.at("title").text()), assets.style);
  html += "<a class=\"skip\" href=\"#content\">Skip to the content</a>\n" + render_header(root);
  html += fmt::format("<div class=\"page{}\">\n", sections.size() < 2 ? " single" : "") + render_contents(sections);
  html += "<main id=\"content\">\n";
  for (const auto& section : sections) html += section.html;
  html += "</main>\n</div>\n<footer>\n<p>Made by llama4rec. This file is complete: it loads nothing and sends nothing.";
  if (context.charts > 0) html += " Charts are drawn by Chart.js (MIT licence; its text is in this file's source).";
  html += "</p>\n</footer>\n";
  for (const auto script : scripts) html += fmt::format("<script>{}</script>\n", script);
  return html + "</body>\n</html>\n";
}

std::string render(const nlohmann::json& document) {
  return render_page(document, {.style = embedded_style(), .script = embedded_script(), .charts = embedded_charts()});
}

bool has_charts() { return !embedded_charts().empty(); }

}  // namespace llama4rec::report
