// Plots: read from the document, written as data for the page's script and as a table for those who cannot see them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "report/document.h"

namespace llama4rec::report {

enum class PlotKind { kLine, kBar, kScatter, kHistogram };

/// One curve, set of bars or cloud. A gap is a NaN.
struct Series {
  std::string name;
  std::vector<double> x;  ///< empty where the plot has categories
  std::vector<double> y;  ///< as long as x, or as the plot's categories
};

/// A plot has either categories (bars, histograms, lines over texts), which its series share, or numbers on both axes.
struct Plot {
  PlotKind kind = PlotKind::kLine;
  std::string caption;
  std::string x_title;
  std::string y_title;
  bool stacked = false;  ///< bars: the series' values stand on each other
  bool has_categories = false;
  std::vector<std::string> categories;
  std::vector<Series> series;

  /// Whether there is anything to draw.
  [[nodiscard]] bool has_values() const;
};

/// Reads a block of type "plot". Categories are the union over the series in the order of their first appearance; the
/// n-th appearance of a text within a series is a category of its own, for different items may bear one title.
Plot read_plot(const Node& block);

/// What the page's script draws.
nlohmann::json chart_data(const Plot& plot);

/// One sentence for who cannot see the chart.
std::string chart_description(const Plot& plot);

/// The plot's data as an HTML table.
std::string data_table(const Plot& plot);

}  // namespace llama4rec::report
