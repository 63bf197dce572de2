#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "defound/tasks/evaluation.h"

namespace defound {
namespace {

constexpr size_t kMostCurves = 8, kFewPatients = 5;
constexpr std::string_view kPublished = "published_";

std::string number_text(double value) { return std::isnan(value) ? "\u2013" : fmt::format("{:.3f}", value); }
std::string interval_text(const Interval& interval) {
  return std::isnan(interval.low) ? "\u2013" : fmt::format("{:.3f} \u2013 {:.3f}", interval.low, interval.high);
}
std::string value_text(const ScoredMetric& metric) {
  return std::isnan(metric.interval.low) ? number_text(metric.value) : fmt::format("{}\n{}", number_text(metric.value), interval_text(metric.interval));
}

const ScoredMetric& find(const Scores& scores, const std::string& name, int64_t of_class) {
  return *std::find_if(scores.metrics.begin(), scores.metrics.end(),
                       [&](const ScoredMetric& metric) { return metric.name.name == name && metric.name.of_class == of_class; });
}

/// The rows of metrics of all classes together, either those of the published code or all others.
std::vector<std::vector<std::string>> metric_rows(const Scores& scores, bool published) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& metric : scores.metrics) {
    if (metric.name.of_class >= 0 || metric.name.name.starts_with(kPublished) != published) continue;
    const std::string name = published ? metric.name.name.substr(kPublished.size()) : metric.name.name;
    rows.push_back({name, number_text(metric.value), interval_text(metric.interval), std::to_string(metric.n)});
  }
  return rows;
}

std::vector<std::string> metric_header(const Scores& scores) {
  return {"metric", "value", fmt::format("{:g} % interval", 100 * scores.bootstrap.level), "images"};
}

void add_metric_tables(Report& report, const EvaluatedImages& images, const Scores& scores) {
  report.heading("Metrics");
  report.table(metric_header(scores), metric_rows(scores, false));
  report.paragraph(fmt::format("Intervals: percentile bootstrap, {} resamples of patients{}. macro_ is the unweighted mean over classes, each against the rest; "
                               "g_mean is the root of sensitivity times specificity; brier and ece are better when lower.",
                               scores.bootstrap.resamples, scores.bootstrap.stratified ? " within classes" : ""));
  report.heading("Each class against the rest");
  const std::vector<std::string> names{"auroc", "aupr", "sensitivity", "specificity", "precision", "f1"};
  std::vector<std::string> header{"class", "images"};
  header.insert(header.end(), names.begin(), names.end());
  std::vector<std::vector<std::string>> rows;
  for (int64_t c = 0; c < images.predictions.classes; ++c) {
    std::vector<std::string> row{images.classes[static_cast<size_t>(c)], std::to_string(scores.confusion.truths(c))};
    for (const auto& name : names) row.push_back(value_text(find(scores, name, c)));
    rows.push_back(row);
  }
  report.table(header, rows);
}

void add_published_metrics(Report& report, const Scores& scores) {
  report.heading("As the published code counts");
  report.paragraph("The programs published with RETFound and DERETFound average one-vs-rest values over all classes but the first, accuracy and MCC included. "
                   "Compare these numbers, not the ones on top, with theirs.");
  report.table(metric_header(scores), metric_rows(scores, true));
}

/// Classes with a curve, those hardest to tell first; all when there are few.
std::vector<int64_t> drawn_classes(const EvaluatedImages& images, const Scores& scores) {
  std::vector<int64_t> out;
  for (int64_t c = 0; c < images.predictions.classes; ++c) if (!std::isnan(find(scores, "auroc", c).value)) out.push_back(c);
  if (out.size() <= kMostCurves) return out;
  std::stable_sort(out.begin(), out.end(), [&](int64_t a, int64_t b) { return find(scores, "auroc", a).value < find(scores, "auroc", b).value; });
  out.resize(kMostCurves);
  return out;
}

void add_curves(Report& report, const EvaluatedImages& images, const Scores& scores) {
  const ClassificationMetrics metrics(images.predictions);
  const auto drawn = drawn_classes(images, scores);
  std::vector<Curve> roc, precision_recall, calibration;
  for (const int64_t c : drawn) {
    const std::string& name = images.classes[static_cast<size_t>(c)];
    const RocCurve curve = metrics.ranking(c).roc();
    roc.push_back({fmt::format("{} ({:.3f})", name, find(scores, "auroc", c).value), curve.false_positive_rate, curve.true_positive_rate});
    const PrecisionRecallCurve other = metrics.ranking(c).precision_recall();
    precision_recall.push_back({fmt::format("{} ({:.3f})", name, find(scores, "aupr", c).value), other.recall, other.precision});
  }
  roc.push_back({"chance", {0, 1}, {0, 1}, true});
  Curve observed{"this model", {}, {}, false, true};
  for (const auto& bin : metrics.reliability()) if (bin.count > 0) observed.x.push_back(bin.mean_predicted), observed.y.push_back(bin.observed);
  const std::pair unit{0.0, 1.0};
  const bool left_out = drawn.size() == kMostCurves && images.predictions.classes > static_cast<int64_t>(kMostCurves);
  const std::string which = left_out ? fmt::format(", the {} hardest classes", kMostCurves) : "";
  report.heading("Curves");
  report.plot({"ROC, each class against the rest" + which, "1 \u2212 specificity", "sensitivity", false, unit, unit}, roc);
  report.plot({"Precision and recall, each class against the rest" + which, "recall (sensitivity)", "precision", false, unit, unit}, precision_recall);
  report.plot({"Calibration of the predicted class", "mean predicted probability", "share that is right", false, unit, unit},
              {observed, {"perfect", {0, 1}, {0, 1}, true}});
  std::vector<std::pair<std::string, double>> counts;
  for (int64_t c = 0; c < images.predictions.classes; ++c) counts.emplace_back(images.classes[static_cast<size_t>(c)], static_cast<double>(scores.confusion.truths(c)));
  report.bars("Images of each class", counts);
}

void add_subgroups(Report& report, const Scores& scores) {
  if (scores.subgroups.empty()) return;
  report.heading("Subgroups");
  std::vector<std::vector<std::string>> rows;
  for (const auto& group : scores.subgroups) {
    std::vector<std::string> row{group.column, group.value, std::to_string(group.images), std::to_string(group.patients)};
    for (const auto& metric : group.metrics) row.push_back(value_text(metric));
    rows.push_back(row);
  }
  report.table({"column", "value", "images", "patients", "macro_auroc", "accuracy", "balanced_accuracy"}, rows);
}

/// Classes with images of only a few patients, each with its number of patients; an unknown patient is one of its own.
std::vector<std::string> small_classes(const EvaluatedImages& images) {
  std::vector<std::set<std::string>> patients(images.classes.size());
  std::vector<size_t> counts(images.classes.size(), 0);
  for (size_t n = 0; n < images.patients.size(); ++n) {
    const auto label = static_cast<size_t>(images.predictions.labels[n]);
    if (images.patients[n].empty() || patients[label].insert(images.patients[n]).second) ++counts[label];
  }
  std::vector<std::string> out;
  for (size_t c = 0; c < counts.size(); ++c)
    if (counts[c] > 0 && counts[c] < kFewPatients) out.push_back(fmt::format("{} ({})", images.classes[c], counts[c]));
  return out;
}

}  // namespace

void add_scores(Report& report, const EvaluatedImages& images, const Scores& scores) {
  if (!scores.absent_classes.empty()) {
    std::vector<std::string> names;
    for (const int64_t c : scores.absent_classes) names.push_back(images.classes[static_cast<size_t>(c)]);
    report.warning(fmt::format("No image of {}: left out of all means over classes.", fmt::join(names, ", ")));
  }
  if (const auto small = small_classes(images); !small.empty())
    report.warning(fmt::format("Fewer than {} patients of {}: the numbers of so few say little, and their intervals are too narrow.", kFewPatients, fmt::join(small, ", ")));
  add_metric_tables(report, images, scores);
  add_curves(report, images, scores);
  report.heading("Confusion matrix");
  report.confusion_matrix(images.classes, scores.confusion.counts());
  add_subgroups(report, scores);
  add_published_metrics(report, scores);
}

}  // namespace defound
