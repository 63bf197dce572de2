#pragma once
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace defound {

/// One line of a plot. Points that are not finite (or not positive on a logarithmic axis) leave a gap.
struct Curve {
  std::string name;
  std::vector<double> x, y;
  bool dashed = false;    ///< for references, such as the diagonal of an ROC plot; takes no colour of its own
  bool markers = false;   ///< a dot at each point
  bool points = false;    ///< dots without a line: a scatter plot
};

struct PlotOptions {
  std::string title, x_label, y_label;
  bool log_y = false;
  std::optional<std::pair<double, double>> x_range = {}, y_range = {};   ///< unset: from the data
};

/// An inline SVG drawing of `curves` with axes and ticks; colours are those of the page's style sheet (report.h).
/// Curves of many points are thinned, keeping each stretch's lowest and highest point. No curve with a drawable
/// point gives a drawing that says so.
std::string svg_plot(const PlotOptions& options, std::span<const Curve> curves);

/// Round numbers (1, 2, 5 x 10^n), about `count` of them, inside [low, high].
std::vector<double> nice_ticks(double low, double high, int count = 6);
/// Powers of ten inside [low, high], both positive, with 2 and 5 between when there are few.
std::vector<double> log_ticks(double low, double high);
/// Short text for a tick: 0.25, 12k, 3.5M, 1e-05.
std::string tick_text(double value);

}  // namespace defound
