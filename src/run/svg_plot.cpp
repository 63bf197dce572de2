#include "defound/run/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "defound/run/html.h"

namespace defound {
namespace {

constexpr double kWidth = 640, kHeight = 380, kLeft = 82, kRight = 18, kTop = 14, kBottom = 52;
constexpr size_t kMostPoints = 1200, kColours = 8;

/// One axis: data values to pixels.
struct Axis {
  double low = 0, high = 1, from = 0, to = 1;
  bool log = false;
  bool holds(double value) const { return std::isfinite(value) && (!log || value > 0); }
  double scaled(double value) const { return log ? std::log10(value) : value; }
  double pixel(double value) const { return from + (to - from) * (scaled(value) - scaled(low)) / (scaled(high) - scaled(low)); }
  std::vector<double> ticks(int count) const { return log ? log_ticks(low, high) : nice_ticks(low, high, count); }
};

struct Frame {
  Axis x, y;
  bool empty = true;
  bool draws(const Curve& curve, size_t i) const { return x.holds(curve.x[i]) && y.holds(curve.y[i]); }
};

size_t point_count(const Curve& curve) { return std::min(curve.x.size(), curve.y.size()); }

void widen(Axis& axis) {  // a single value still needs an axis with an extent
  if (axis.log) {
    if (axis.high / axis.low < 1.5) axis.low /= 2, axis.high *= 2;
  } else if (!(axis.high - axis.low > 1e-12 * std::max(std::abs(axis.low), std::abs(axis.high)))) {
    const double half = axis.low == 0 ? 0.5 : 0.1 * std::abs(axis.low);
    axis.low -= half, axis.high += half;
  }
}

Frame make_frame(const PlotOptions& options, std::span<const Curve> curves) {
  Frame frame{{0, 1, kLeft, kWidth - kRight, false}, {0, 1, kHeight - kBottom, kTop, options.log_y}, true};
  const auto include = [](Axis& axis, double value, bool first) {
    axis.low = first ? value : std::min(axis.low, value);
    axis.high = first ? value : std::max(axis.high, value);
  };
  for (const Curve& curve : curves) {
    for (size_t i = 0; i < point_count(curve); ++i) {
      if (!frame.draws(curve, i)) continue;
      include(frame.x, curve.x[i], frame.empty);
      include(frame.y, curve.y[i], frame.empty);
      frame.empty = false;
    }
  }
  if (frame.empty) return frame;
  widen(frame.x), widen(frame.y);
  if (std::any_of(curves.begin(), curves.end(), [](const Curve& curve) { return curve.points; })) {
    const double margin = 0.03 * (frame.x.high - frame.x.low);
    frame.x.low -= margin, frame.x.high += margin;
  }
  if (!frame.y.log) {  // air above and below the curves
    const double margin = 0.04 * (frame.y.high - frame.y.low);
    frame.y.low -= frame.y.low >= 0 && frame.y.low < margin ? frame.y.low : margin;
    frame.y.high += margin;
  }
  if (options.x_range) std::tie(frame.x.low, frame.x.high) = *options.x_range;
  if (options.y_range) std::tie(frame.y.low, frame.y.high) = *options.y_range;
  return frame;
}

std::string draw_axes(const Frame& frame, const PlotOptions& options) {
  const double bottom = frame.y.from, right = frame.x.to;
  std::string out;
  for (const double tick : frame.y.ticks(6)) {
    const double at = frame.y.pixel(tick);
    out += fmt::format("<line class=\"grid\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\"/>", kLeft, at, right, at);
    out += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 8, at + 4, tick_text(tick));
  }
  for (const double tick : frame.x.ticks(7)) {
    const double at = frame.x.pixel(tick);
    out += fmt::format("<line class=\"axis\" x1=\"{:.1f}\" y1=\"{}\" x2=\"{:.1f}\" y2=\"{}\"/>", at, bottom, at, bottom + 5);
    out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>", at, bottom + 19, tick_text(tick));
  }
  out += fmt::format("<path class=\"axis\" d=\"M{} {}V{}H{}\"/>", kLeft, kTop, bottom, right);
  out += fmt::format("<text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>", (kLeft + right) / 2, kHeight - 8, escape_html(options.x_label));
  out += fmt::format("<text class=\"label\" transform=\"translate(15 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>", (kTop + bottom) / 2, escape_html(options.y_label));
  return out;
}

/// Indices to draw of points [begin, end): all, or each stretch's first, lowest, highest and last.
std::vector<size_t> thin(const Curve& curve, size_t begin, size_t end) {
  const size_t count = end - begin, stretches = kMostPoints / 4;
  std::vector<size_t> kept;
  if (count <= kMostPoints) {
    for (size_t i = begin; i < end; ++i) kept.push_back(i);
    return kept;
  }
  for (size_t s = 0; s < stretches; ++s) {
    const size_t first = begin + s * count / stretches, last = begin + (s + 1) * count / stretches;
    const auto [low, high] = std::minmax_element(curve.y.begin() + static_cast<int64_t>(first), curve.y.begin() + static_cast<int64_t>(last));
    std::vector<size_t> stretch{first, static_cast<size_t>(low - curve.y.begin()), static_cast<size_t>(high - curve.y.begin()), last - 1};
    std::sort(stretch.begin(), stretch.end());
    kept.insert(kept.end(), stretch.begin(), std::unique(stretch.begin(), stretch.end()));
  }
  return kept;
}

std::string draw_curve(const Frame& frame, const Curve& curve, size_t colour) {
  std::string path, dots;
  for (size_t i = 0; i < point_count(curve);) {
    if (!frame.draws(curve, i)) { ++i; continue; }
    size_t end = i;
    while (!curve.points && end < point_count(curve) && frame.draws(curve, end)) ++end;
    end = std::max(end, i + 1);
    const bool lonely = end - i == 1;
    for (const size_t at : thin(curve, i, end)) {
      const double x = frame.x.pixel(curve.x[at]), y = frame.y.pixel(curve.y[at]);
      if (!lonely) path += fmt::format("{}{:.1f} {:.1f}", at == i ? 'M' : 'L', x, y);
      if (lonely || curve.markers) dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>", x, y);
    }
    i = end;
  }
  const std::string style = curve.dashed ? "reference" : fmt::format("c{}{}", colour % kColours, colour / kColours % 2 ? " broken" : "");
  const char* dense = curve.points ? " points" : point_count(curve) > kMostPoints ? " dense" : "";
  std::string out = fmt::format("<g class=\"{}{}\"><title>{}</title>", style, dense, escape_html(curve.name));
  if (!path.empty()) out += "<path d=\"" + path + "\"/>";
  return out + dots + "</g>";
}

}  // namespace

std::string svg_plot(const PlotOptions& options, std::span<const Curve> curves) {
  const Frame frame = make_frame(options, curves);
  std::string out = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">", kWidth, kHeight, escape_html(options.title));
  if (frame.empty) return out + fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">no data to draw</text></svg>", kWidth / 2, kHeight / 2);
  out += draw_axes(frame, options);
  out += fmt::format("<svg x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{3}\" viewBox=\"{0} {1} {2} {3}\">", kLeft - 4, kTop - 4,
                     kWidth - kRight - kLeft + 8, kHeight - kBottom - kTop + 8);   // clips what a fixed range leaves out
  size_t colour = 0;
  for (const Curve& curve : curves) {
    out += draw_curve(frame, curve, colour);
    colour += !curve.dashed;
  }
  return out + "</svg></svg>";
}

}  // namespace defound
