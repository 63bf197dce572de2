#include "defound/train/training_report.h"

#include <algorithm>
#include <map>

#include "defound/core/error.h"
#include "defound/run/metrics_log.h"
#include "defound/run/report.h"

namespace defound {
namespace {

/// Curves by name, in the order in which the names appear.
std::vector<Curve> read_curves(const fs::path& file) {
  std::vector<Curve> curves;
  std::map<std::string, size_t> index;
  for (const MetricsRow& row : read_metrics(file))
    for (const auto& [name, value] : row.values) {
      const auto [at, is_new] = index.try_emplace(name, curves.size());
      if (is_new) curves.push_back({name, {}, {}});
      curves[at->second].x.push_back(static_cast<double>(row.step));
      curves[at->second].y.push_back(value);
    }
  return curves;
}

bool is_loss(const Curve& curve) { return curve.name.find("loss") != std::string::npos; }

std::string shown(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

}  // namespace

void write_training_report(const RunDir& run, const std::string& title, const std::vector<ReportPicture>& pictures) {
  Report report(title, run.path().filename().string());
  const auto curves = read_curves(run / "metrics.jsonl");
  std::vector<std::vector<std::string>> last;
  std::vector<Curve> losses;
  for (const Curve& curve : curves) {
    last.push_back({curve.name, fmt::format("{:.5g}", curve.y.back()), fmt::format("{:.0f}", curve.x.back())});
    if (is_loss(curve)) losses.push_back(curve);
  }
  report.heading("Last values");
  report.table({"quantity", "value", "step"}, last);
  report.heading("Losses");
  report.plot("Means since the row before, and on held-out images (val_)", "optimizer step", "loss", losses);
  for (const ReportPicture& picture : pictures) report.picture(picture.caption, picture.png);
  report.heading("Course of the training");
  for (const Curve& curve : curves)
    if (!is_loss(curve) && curve.name != "epoch") report.plot(curve.name, "optimizer step", curve.name, {curve});
  report.heading("Recipe");
  std::vector<std::vector<std::string>> recipe;
  const Json config = parse_json(read_text(run / "config.json"), (run / "config.json").string());
  for (const auto& [key, value] : config.items()) recipe.push_back({key, shown(value)});
  report.table({"option", "value"}, recipe);
  report.write(run / "report.html");
}

}  // namespace defound
