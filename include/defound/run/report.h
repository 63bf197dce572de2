#pragma once
#include <string>
#include <utility>
#include <vector>

#include "defound/core/files.h"
#include "defound/run/svg_plot.h"

namespace defound {

/// A self-contained HTML page (styles, SVG plots and PNG pictures inside, no script, no network); light and dark.
/// Text is escaped; the page is published whole by write().
class Report {
 public:
  explicit Report(std::string title, std::string subtitle = "");
  void heading(const std::string& text);
  void paragraph(const std::string& text);
  void warning(const std::string& text);                        ///< stands out: for leaks and the like
  /// Columns after the first that hold only numbers (and intervals, percentages) are set to the right.
  void table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);
  /// A line plot as SVG with axes, ticks, units in the labels, a legend for two and more curves.
  void plot(const std::string& title, const std::string& x_label, const std::string& y_label, const std::vector<Curve>& curves, bool log_y = false);
  void plot(const PlotOptions& options, const std::vector<Curve>& curves);
  /// Horizontal bars from 0 with their values, for counts and importances.
  void bars(const std::string& title, const std::vector<std::pair<std::string, double>>& values);
  /// A table of counts shaded by row share; rows are the truth, columns the prediction.
  void confusion_matrix(const std::vector<std::string>& classes, const std::vector<std::vector<int64_t>>& counts);
  void picture(const std::string& caption, const std::string& png_bytes);
  /// Small pictures in rows, each with a caption below: (caption, PNG bytes).
  void gallery(const std::vector<std::pair<std::string, std::string>>& pictures);
  std::string html() const;                                     ///< the whole page
  void write(const fs::path& path) const;

 private:
  std::string title_, subtitle_, body_;
};

}  // namespace defound
