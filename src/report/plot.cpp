#include "report/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "core/text.h"
#include "report/html.h"

namespace llama4rec::report {
namespace {

constexpr double kGap = std::numeric_limits<double>::quiet_NaN();

/// A series as the document has it.
struct RawSeries {
  std::string name;
  std::vector<Node> x;
  std::vector<double> y;
};

PlotKind read_kind(const Node& node) {
  const std::string& kind = node.choice({"line", "bar", "scatter", "histogram"});
  if (kind == "bar") return PlotKind::kBar;
  if (kind == "scatter") return PlotKind::kScatter;
  if (kind == "histogram") return PlotKind::kHistogram;
  return PlotKind::kLine;
}

std::string_view kind_name(PlotKind kind) {
  switch (kind) {
    case PlotKind::kBar:
      return "bar";
    case PlotKind::kScatter:
      return "scatter";
    case PlotKind::kHistogram:
      return "histogram";
    case PlotKind::kLine:
      break;
  }
  return "line";
}

RawSeries read_series(const Node& node) {
  node.expect_fields({"name", "x", "y"});
  RawSeries series{.name = node.at("name").text(), .x = node.at("x").elements(), .y = {}};
  for (const auto& value : node.at("y").elements()) series.y.push_back(value.number_or_gap());
  if (series.x.size() != series.y.size()) {
    node.at("y").fail(fmt::format("{} values, one for each x", series.x.size()), std::to_string(series.y.size()));
  }
  return series;
}

/// The order in which categories first appear; a text's n-th appearance within one series is told apart.
class CategoryIndex {
 public:
  std::size_t place(const std::string& name, std::size_t appearance) {
    const auto [entry, is_new] = places_.try_emplace({name, appearance}, names_.size());
    if (is_new) names_.push_back(name);
    return entry->second;
  }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

 private:
  std::map<std::pair<std::string, std::size_t>, std::size_t> places_;
  std::vector<std::string> names_;
};

void align_to_categories(const std::vector<RawSeries>& raw, Plot& plot) {
  CategoryIndex index;
  for (const auto& source : raw) {
    Series series{.name = source.name, .x = {}, .y = {}};
    std::map<std::string, std::size_t> appearances;
    for (std::size_t i = 0; i < source.x.size(); ++i) {
      const std::string name = source.x[i].text_or_number();
      const std::size_t place = index.place(name, appearances[name]++);
      if (place >= series.y.size()) series.y.resize(place + 1, kGap);
      series.y[place] = source.y[i];
    }
    plot.series.push_back(std::move(series));
  }
  plot.categories = index.names();
  for (auto& series : plot.series) series.y.resize(plot.categories.size(), kGap);
}

void take_numbers(std::vector<RawSeries> raw, Plot& plot) {
  for (auto& source : raw) {
    Series series{.name = std::move(source.name), .x = {}, .y = std::move(source.y)};
    for (const auto& value : source.x) series.x.push_back(value.number_or_gap());
    plot.series.push_back(std::move(series));
  }
}

nlohmann::json number_or_null(double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(); }

std::string header_cell(std::string_view text, std::string_view alignment) {
  return fmt::format(R"(<th scope="col" class="{}">{}</th>)", alignment, escape(text));
}

std::string number_cell(double value) { return fmt::format(R"(<td class="right">{}</td>)", number_text(value)); }

/// One row per category, one column per series.
std::string category_rows(const Plot& plot) {
  std::string html =
      "<thead><tr>" + header_cell(plot.x_title.empty() ? std::string_view("Category") : plot.x_title, "left");
  for (const auto& series : plot.series) html += header_cell(series.name, "right");
  html += "</tr></thead>\n<tbody>\n";
  for (std::size_t i = 0; i < plot.categories.size(); ++i) {
    html += fmt::format(R"(<tr><th scope="row" class="left">{}</th>)", escape(plot.categories[i]));
    for (const auto& series : plot.series) html += number_cell(series.y[i]);
    html += "</tr>\n";
  }
  return html + "</tbody>\n";
}

/// One row per point.
std::string point_rows(const Plot& plot) {
  std::string html = "<thead><tr>" + header_cell("Series", "left") +
                     header_cell(plot.x_title.empty() ? std::string_view("x") : plot.x_title, "right") +
                     header_cell(plot.y_title.empty() ? std::string_view("y") : plot.y_title, "right") +
                     "</tr></thead>\n<tbody>\n";
  for (const auto& series : plot.series) {
    for (std::size_t i = 0; i < series.y.size(); ++i) {
      html += fmt::format(R"(<tr><th scope="row" class="left">{}</th>)", escape(series.name)) +
              number_cell(series.x[i]) + number_cell(series.y[i]) + "</tr>\n";
    }
  }
  return html + "</tbody>\n";
}

}  // namespace

bool Plot::has_values() const {
  return std::any_of(series.begin(), series.end(), [](const Series& one) {
    for (std::size_t i = 0; i < one.y.size(); ++i) {
      if (std::isfinite(one.y[i]) && (one.x.empty() || std::isfinite(one.x[i]))) return true;
    }
    return false;
  });
}

Plot read_plot(const Node& block) {
  block.expect_fields({"type", "kind", "caption", "x_title", "y_title", "series"}, {"stacked"});
  Plot plot;
  plot.kind = read_kind(block.at("kind"));
  plot.stacked = block.has("stacked") && block.at("stacked").truth();
  if (plot.stacked && plot.kind != PlotKind::kBar) block.at("stacked").fail("a plot of kind bar", "another kind");
  plot.caption = block.at("caption").text();
  plot.x_title = block.at("x_title").text();
  plot.y_title = block.at("y_title").text();
  std::vector<RawSeries> raw;
  bool any_text = false;
  for (const auto& node : block.at("series").elements()) {
    raw.push_back(read_series(node));
    any_text |= std::any_of(raw.back().x.begin(), raw.back().x.end(), [](const Node& x) { return x.is_text(); });
  }
  if (raw.empty()) block.at("series").fail("at least one series", "none");
  plot.has_categories =
      plot.kind == PlotKind::kBar || plot.kind == PlotKind::kHistogram || (plot.kind == PlotKind::kLine && any_text);
  if (plot.has_categories) {
    align_to_categories(raw, plot);
  } else {
    take_numbers(std::move(raw), plot);
  }
  return plot;
}

nlohmann::json chart_data(const Plot& plot) {
  nlohmann::json data = {{"kind", kind_name(plot.kind)}, {"x_title", plot.x_title}, {"y_title", plot.y_title}};
  if (plot.stacked) data["stacked"] = true;
  if (plot.has_categories) data["categories"] = plot.categories;
  data["series"] = nlohmann::json::array();
  for (const auto& series : plot.series) {
    auto values = nlohmann::json::array();
    for (std::size_t i = 0; i < series.y.size(); ++i) {
      const auto y = number_or_null(series.y[i]);
      values.push_back(plot.has_categories ? y : nlohmann::json::array({number_or_null(series.x[i]), y}));
    }
    data["series"].push_back({{"name", series.name}, {"values", std::move(values)}});
  }
  return data;
}

std::string chart_description(const Plot& plot) {
  std::vector<std::string> names;
  for (const auto& series : plot.series) names.push_back(series.name);
  std::string text = plot.kind == PlotKind::kHistogram ? "Histogram" : fmt::format("{} chart", kind_name(plot.kind));
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return fmt::format("{}: {} Horizontal axis: {}. Vertical axis: {}. Series: {}. The data follow as a table.", text,
                     plot.caption, plot.x_title, plot.y_title, text::join(names, ", "));
}

std::string data_table(const Plot& plot) {
  return fmt::format("<table><caption class=\"unseen\">{}</caption>\n{}</table>\n", escape(plot.caption),
                     plot.has_categories ? category_rows(plot) : point_rows(plot));
}

}  // namespace llama4rec::report
