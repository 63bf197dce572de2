#include "defound/run/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "defound/core/error.h"
#include "defound/run/html.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

TEST(Html, EscapesWhatHasAMeaning) {
  EXPECT_EQ(escape_html("<b a=\"1\">Tom & 'Eva'</b>"), "&lt;b a=&quot;1&quot;&gt;Tom &amp; &#39;Eva&#39;&lt;/b&gt;");
}

TEST(Html, Base64KnownAnswers) {  // RFC 4648, section 10
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64(std::string("\xff\x00\xfe", 3)), "/wD+");
}

TEST(SvgPlot, PointsAreDotsWithoutALine) {
  Curve points{"images", {}, {}, false, false, /*points=*/true};
  for (int i = 0; i < 2000; ++i) points.x.push_back(i % 50), points.y.push_back(i % 7);   // more than a line keeps
  points.y[3] = NAN;
  const std::string svg = svg_plot({"t", "x", "y"}, std::vector{points});
  EXPECT_EQ(count(svg, "<circle"), 1999u);
  EXPECT_EQ(count(svg, "<path"), 1u);   // the axes
  EXPECT_NE(svg.find("class=\"c0 points\""), std::string::npos);
}

TEST(Report, EveryTextIsEscaped) {
  const std::string evil = "<script>alert('x')</script>";
  Report report(evil, evil);
  report.heading(evil), report.paragraph(evil), report.warning(evil), report.picture(evil, "png"), report.gallery({{evil, "png"}});
  report.table({evil}, {{evil}});
  report.plot(evil, evil, evil, {{evil, {0, 1}, {0, 1}}, {evil, {0, 1}, {1, 0}}});
  report.bars(evil, {{evil, 1.0}});
  report.confusion_matrix({evil}, {{1}});
  EXPECT_EQ(report.html().find("<script"), std::string::npos);
  EXPECT_GE(count(report.html(), "&lt;script&gt;"), 18u);
}

TEST(Report, SmallPicturesAreShownLarger) {
  const auto shown = [](const std::string& width_bytes) {
    Report report("title", "");
    report.picture("caption", std::string("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16) + width_bytes + "rest");
    const std::string page = report.html();
    return page.substr(page.find("<img"), 60);
  };
  EXPECT_NE(shown(std::string("\0\0\0\x64", 4)).find("width:300px"), std::string::npos);   // 100
  EXPECT_NE(shown(std::string("\0\0\1\x18", 4)).find("width:560px"), std::string::npos);   // 280
  EXPECT_EQ(shown(std::string("\0\0\2\0", 4)).find("style"), std::string::npos);           // 512
  EXPECT_EQ(shown(std::string("\0\0\0\0", 4)).find("style"), std::string::npos);
}

TEST(Report, NeedsNoScriptAndNoNetwork) {
  Report report("title");
  report.plot("Loss", "step", "loss", {{"loss", {0, 1}, {0, 1}}});
  report.picture("caption", "bytes");
  const std::string page = report.html();
  for (const char* word : {"http:", "https:", "<script", "<link", "@import", "url("}) EXPECT_EQ(page.find(word), std::string::npos) << word;
  EXPECT_NE(page.find("prefers-color-scheme: dark"), std::string::npos);
  EXPECT_NE(page.find("data:image/png;base64,Ynl0ZXM="), std::string::npos);
}

TEST(Report, TableSetsNumericColumnsToTheRight) {
  Report report("title");
  report.table({"class", "AUROC", "note"}, {{"1", "0.91 (0.88 \u2013 0.94)", "seen"}, {"2", "", "12"}});
  EXPECT_NE(report.html().find("<th class=\"n\">AUROC</th>"), std::string::npos);
  EXPECT_NE(report.html().find("<th>class</th>"), std::string::npos);
  EXPECT_NE(report.html().find("<td>12</td>"), std::string::npos);
}

TEST(Report, ConfusionMatrixIsShadedByRowShare) {
  Report report("title");
  report.confusion_matrix({"no", "yes"}, {{3, 1}, {0, 0}});
  EXPECT_NE(report.html().find("--share:0.75\">3<small>75 %"), std::string::npos);
  EXPECT_EQ(count(report.html(), "--share:0.00\">0"), 2u);   // a class without images divides by nothing
}

TEST(Report, IsPublishedWholeOrNotAtAll) {
  const testing::TempFolder folder;
  Report("title").write(folder / "report.html");
  EXPECT_EQ(read_text(folder / "report.html"), Report("title").html());
  EXPECT_THROW(Report("title").write(folder / "missing" / "report.html"), Error);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(Ticks, AreRoundAndInside) {
  EXPECT_EQ(nice_ticks(0, 1, 5), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
  EXPECT_EQ(nice_ticks(-3, 12, 4), (std::vector<double>{0, 5, 10}));
  EXPECT_EQ(nice_ticks(7, 7), (std::vector<double>{7}));
  EXPECT_EQ(log_ticks(0.5, 2e6).size(), 7u);                              // 1 ... 1e6
  EXPECT_EQ(log_ticks(0.9, 11), (std::vector<double>{1, 2, 5, 10}));
  EXPECT_LE(log_ticks(1e-300, 1e300).size(), 12u);
}

TEST(Ticks, TextIsShort) {
  EXPECT_EQ(tick_text(0.6000000000000001), "0.6");
  EXPECT_EQ(tick_text(60000), "60k");
  EXPECT_EQ(tick_text(-2.5e6), "-2.5M");
  EXPECT_EQ(tick_text(1e-5), "1e-05");
}

std::string draw(std::vector<double> x, std::vector<double> y, bool log_y = false) {
  const std::vector<Curve> curves{{"curve", std::move(x), std::move(y)}};
  return svg_plot({"title", "x", "y", log_y}, curves);
}

TEST(Plot, NothingToDrawIsSaid) {
  for (const auto& svg : {draw({}, {}), draw({1, 2}, {NAN, INFINITY}), draw({1, 2}, {0, -1}, true), svg_plot({"t", "x", "y"}, {})})
    EXPECT_NE(svg.find("no data to draw"), std::string::npos);
}

TEST(Plot, OnePointIsADot) {
  const std::string svg = draw({3}, {7});
  EXPECT_EQ(count(svg, "<circle"), 1u);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(Plot, AConstantCurveHasAnAxis) {
  for (const double value : {0.0, 5.0, -1e-9, 1e9}) {
    const std::string svg = draw({0, 1, 2}, {value, value, value});
    EXPECT_EQ(svg.find("nan"), std::string::npos) << value;
    EXPECT_EQ(svg.find("inf"), std::string::npos) << value;
  }
}

TEST(Plot, WhatIsNotFiniteLeavesAGap) {
  const std::string svg = draw({0, 1, 2, 3, 4, 5, 6}, {1, 2, NAN, 3, 4, INFINITY, 5});
  const std::string path = svg.substr(svg.find("<path d="));
  EXPECT_EQ(count(path, "M"), 2u);              // two stretches of two points
  EXPECT_EQ(count(path, "<circle"), 1u);        // and a lonely point
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(Plot, ALogAxisLeavesOutZero) {
  const std::string svg = draw({0, 1, 2, 3}, {10, 0, 100, 1000}, true);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST(Plot, ThinningKeepsThePeaks) {
  std::vector<double> x(200000), y(200000, 1.0);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
  y[123456] = 9, y[777] = -9;
  const std::string svg = draw(x, y);
  EXPECT_LT(svg.size(), 40000u);
  const double top = 14, bottom = 328, low = -9 - 0.72, high = 9 + 0.72;   // the frame and its margin of 4 %
  for (const double value : {9.0, -9.0})
    EXPECT_NE(svg.find(fmt::format(" {:.1f}L", bottom + (top - bottom) * (value - low) / (high - low))), std::string::npos) << value;
}

TEST(Plot, UnequalLengthsDrawWhatBothHave) { EXPECT_EQ(count(draw({0, 1, 2, 3}, {5, 6}), "L"), 1u); }

}  // namespace
}  // namespace defound
