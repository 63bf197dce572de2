#include "defound/run/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "defound/run/html.h"
#include "report_style.h"

namespace defound {
namespace {

/// Numbers, percentages, intervals and dashes for "none".
bool is_numeric(const std::string& text) {
  return text == "nan" || text == "inf" || text.find_first_not_of("0123456789.,+-%()[]/ \neE\u2013\u2212\u00b1") == std::string::npos;
}

bool is_numeric_column(const std::vector<std::vector<std::string>>& rows, size_t column) {
  bool any = false;
  if (column == 0) return false;  // names, even when they are digits
  for (const auto& row : rows) {
    if (column >= row.size() || row[column].empty()) continue;
    if (!is_numeric(row[column])) return false;
    any = true;
  }
  return any;
}

std::string legend(const std::vector<Curve>& curves) {
  if (curves.size() < 2) return "";
  std::string out = "<ul class=\"legend\">";
  size_t colour = 0;
  for (const Curve& curve : curves) {
    out += fmt::format("<li class=\"{}\"><span>{}</span></li>",
                       curve.dashed ? "reference" : fmt::format("c{}{}", colour % 8, colour / 8 % 2 ? " broken" : ""), escape_html(curve.name));
    colour += !curve.dashed;
  }
  return out + "</ul>";
}

/// A style that shows a small PNG two or three times as large, its pixels as squares; "" for others.
std::string enlarged(const std::string& png_bytes) {
  constexpr size_t kWidthAt = 16;            // of the four bytes in the header, the most significant first
  constexpr int64_t kWide = 600, kMost = 3;  // pixels on the page
  if (png_bytes.size() < kWidthAt + 4) return "";
  int64_t width = 0;
  for (size_t i = kWidthAt; i < kWidthAt + 4; ++i) width = 256 * width + static_cast<unsigned char>(png_bytes[i]);
  const int64_t times = width > 0 ? std::min(kMost, kWide / width) : 1;
  return times > 1 ? fmt::format(" style=\"width:{}px;image-rendering:pixelated\"", times * width) : "";
}

}  // namespace

Report::Report(std::string title, std::string subtitle) : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void Report::heading(const std::string& text) { body_ += "<h2>" + escape_html(text) + "</h2>\n"; }
void Report::paragraph(const std::string& text) { body_ += "<p>" + escape_html(text) + "</p>\n"; }
void Report::warning(const std::string& text) { body_ += "<p class=\"warning\" role=\"alert\">" + escape_html(text) + "</p>\n"; }

void Report::table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  const auto cell = [&](const char* tag, size_t column, const std::string& text) {
    return fmt::format("<{0}{1}>{2}</{0}>", tag, is_numeric_column(rows, column) ? " class=\"n\"" : "", escape_html(text));
  };
  body_ += "<div class=\"wide\"><table><thead><tr>";
  for (size_t i = 0; i < header.size(); ++i) body_ += cell("th", i, header[i]);
  body_ += "</tr></thead><tbody>\n";
  for (const auto& row : rows) {
    body_ += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) body_ += cell("td", i, row[i]);
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
}

void Report::plot(const std::string& title, const std::string& x_label, const std::string& y_label, const std::vector<Curve>& curves, bool log_y) {
  plot(PlotOptions{title, x_label, y_label, log_y}, curves);
}

void Report::plot(const PlotOptions& options, const std::vector<Curve>& curves) {
  body_ += fmt::format("<figure><figcaption>{}</figcaption>{}{}</figure>\n", escape_html(options.title), svg_plot(options, curves), legend(curves));
}

void Report::bars(const std::string& title, const std::vector<std::pair<std::string, double>>& values) {
  double most = 0;
  for (const auto& [name, value] : values) if (std::isfinite(value)) most = std::max(most, value);
  body_ += fmt::format("<figure><figcaption>{}</figcaption><table class=\"bars\"><tbody>", escape_html(title));
  for (const auto& [name, value] : values) {
    const double share = most > 0 && std::isfinite(value) ? std::max(0.0, value / most) : 0.0;
    body_ += fmt::format("<tr><td>{}</td><td><i style=\"width:{:.1f}%\"></i></td><td class=\"n\">{:.6g}</td></tr>", escape_html(name), 100 * share, value);
  }
  body_ += "</tbody></table></figure>\n";
}

void Report::confusion_matrix(const std::vector<std::string>& classes, const std::vector<std::vector<int64_t>>& counts) {
  const bool tall = classes.size() > 8;
  body_ += "<div class=\"wide\"><table class=\"matrix\"><thead><tr><th>truth \u2193 &nbsp; prediction \u2192</th>";
  for (const auto& name : classes) body_ += fmt::format("<th{}><span>{}</span></th>", tall ? " class=\"tall\"" : "", escape_html(name));
  body_ += "</tr></thead><tbody>\n";
  for (size_t row = 0; row < counts.size(); ++row) {
    int64_t total = 0;
    for (const int64_t count : counts[row]) total += count;
    body_ += fmt::format("<tr><th>{}</th>", escape_html(row < classes.size() ? classes[row] : ""));
    for (const int64_t count : counts[row]) {
      const double share = total == 0 ? 0.0 : static_cast<double>(count) / static_cast<double>(total);
      body_ += fmt::format("<td{} style=\"--share:{:.2f}\">{}{}</td>", share > 0.55 ? " class=\"full\"" : "", share, count,
                           tall ? "" : fmt::format("<small>{:.0f} %</small>", 100 * share));
    }
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
}

void Report::picture(const std::string& caption, const std::string& png_bytes) {
  body_ += fmt::format("<figure class=\"picture\"><figcaption>{0}</figcaption><img alt=\"{0}\"{2} src=\"data:image/png;base64,{1}\"></figure>\n",
                       escape_html(caption), base64(png_bytes), enlarged(png_bytes));
}

void Report::gallery(const std::vector<std::pair<std::string, std::string>>& pictures) {
  body_ += "<div class=\"gallery\">\n";
  for (const auto& [caption, png_bytes] : pictures)
    body_ += fmt::format("<figure><img alt=\"{0}\" src=\"data:image/png;base64,{1}\"><figcaption>{0}</figcaption></figure>\n",
                         escape_html(caption), base64(png_bytes));
  body_ += "</div>\n";
}

std::string Report::html() const {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>{0}</title><style>{1}</style></head>\n<body><main>\n<h1>{0}</h1>\n<p class=\"subtitle\">{2}</p>\n{3}</main></body></html>\n",
      escape_html(title_), kReportStyle, escape_html(subtitle_), body_);
}

void Report::write(const fs::path& path) const { write_atomic(path, html()); }

}  // namespace defound
