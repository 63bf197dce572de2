#include "defound/tasks/evaluation.h"

#include <fmt/format.h>

#include <cmath>

#include "defound/eval/subgroups.h"

namespace defound {
namespace {

/// The rows of a subgroup.
Predictions take(const Predictions& all, const std::vector<int64_t>& rows) {
  Predictions out{all.classes, {}, {}};
  for (const int64_t row : rows) {
    out.labels.push_back(all.labels[static_cast<size_t>(row)]);
    out.probabilities.insert(out.probabilities.end(), all.row(row).begin(), all.row(row).end());
  }
  return out;
}

std::vector<ScoredMetric> score_metrics(const Predictions& predictions, const Patients& patients, const BootstrapOptions& options,
                                        const Draws& draws) {
  const ClassificationMetrics metrics(predictions);
  const auto intervals = bootstrap_intervals(patients, options, draws, [&](Counts counts) { return metrics.values(counts); });
  const ConfusionMatrix confusion = metrics.confusion();
  const auto values = metrics.values();
  std::vector<ScoredMetric> out;
  for (size_t i = 0; i < values.size(); ++i) {
    const MetricName& name = metrics.names()[i];
    out.push_back({name, values[i], i < intervals.size() ? intervals[i] : Interval{NAN, NAN, 0},
                   name.of_class < 0 ? predictions.size() : confusion.truths(name.of_class)});
  }
  return out;
}

ScoredSubgroup score_subgroup(const Subgroup& group, const EvaluatedImages& images, const BootstrapOptions& options, uint64_t seed) {
  const Predictions predictions = take(images.predictions, group.rows);
  std::vector<std::string> names;
  for (const int64_t row : group.rows) names.push_back(images.patients[static_cast<size_t>(row)]);
  const Patients patients = group_by_patient(names, predictions.labels);
  ScoredSubgroup out{group.column, group.value, predictions.size(), static_cast<int64_t>(patients.samples.size()), {}};
  for (auto& metric : score_metrics(predictions, patients, options, Draws(seed, "bootstrap." + group.column + "." + group.value)))
    if (metric.name.name == "macro_auroc" || metric.name.name == "accuracy" || metric.name.name == "balanced_accuracy") out.metrics.push_back(metric);
  return out;
}

}  // namespace

int64_t EvaluatedImages::patient_count() const {
  return static_cast<int64_t>(group_by_patient(patients, predictions.labels).samples.size());
}

Scores score(const EvaluatedImages& images, const BootstrapOptions& options, uint64_t seed) {
  const ClassificationMetrics metrics(images.predictions);
  Scores out{options, {}, {}, metrics.absent_classes(), metrics.confusion()};
  out.metrics = score_metrics(images.predictions, group_by_patient(images.patients, images.predictions.labels), options, Draws(seed, "bootstrap"));
  for (const auto& [column, values] : images.columns)
    for (const Subgroup& group : make_subgroups(column, values)) out.subgroups.push_back(score_subgroup(group, images, options, seed));
  return out;
}

std::string scores_text(const Scores& scores) {
  std::string text;
  for (const auto& metric : scores.metrics) {
    if (metric.name.of_class >= 0) continue;
    text += fmt::format("{:<24} {:>8}", metric.name.name, std::isnan(metric.value) ? "-" : fmt::format("{:.4f}", metric.value));
    if (!std::isnan(metric.interval.low)) text += fmt::format("   {:.4f} - {:.4f}", metric.interval.low, metric.interval.high);
    text += "\n";
  }
  return text;
}

}  // namespace defound
