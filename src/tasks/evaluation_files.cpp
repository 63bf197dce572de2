#include <fmt/format.h>

#include "defound/data/csv.h"
#include "defound/tasks/evaluation.h"

namespace defound {
namespace {

Json metric_json(const ScoredMetric& metric) {
  return {{"value", metric.value}, {"low", metric.interval.low}, {"high", metric.interval.high}, {"n", metric.n}, {"resamples", metric.interval.resamples}};
}

}  // namespace

Json scores_json(const EvaluatedImages& images, const Scores& scores) {
  Json out = {{"images", images.predictions.size()}, {"patients", images.patient_count()}, {"classes", images.classes},
              {"intervals", {{"method", "percentile bootstrap"}, {"unit", "patient"}, {"resamples", scores.bootstrap.resamples},
                             {"level", scores.bootstrap.level}, {"stratified", scores.bootstrap.stratified}}}};
  Json absent = Json::array(), all = Json::object(), by_class = Json::object(), groups = Json::object();
  for (const int64_t c : scores.absent_classes) absent.push_back(images.classes[static_cast<size_t>(c)]);
  for (const auto& metric : scores.metrics) {
    if (metric.name.of_class < 0) all[metric.name.name] = metric_json(metric);
    else by_class[images.classes[static_cast<size_t>(metric.name.of_class)]][metric.name.name] = metric_json(metric);
  }
  for (const auto& group : scores.subgroups) {
    Json& entry = groups[group.column][group.value];
    entry = {{"images", group.images}, {"patients", group.patients}};
    for (const auto& metric : group.metrics) entry[metric.name.name] = metric_json(metric);
  }
  out["classes_without_images"] = absent;
  out["metrics"] = all;
  out["per_class"] = by_class;
  out["confusion_matrix"] = scores.confusion.counts();
  out["subgroups"] = groups;
  return out;
}

std::string predictions_csv(const EvaluatedImages& images) {
  std::vector<std::string> header{"path", "label", "patient", "prediction"};
  for (const auto& name : images.classes) header.push_back("prob." + name);
  std::string text = csv_line(header);
  for (int64_t n = 0; n < images.predictions.size(); ++n) {
    const auto row = static_cast<size_t>(n);
    std::vector<std::string> fields{images.paths[row], images.classes[static_cast<size_t>(images.predictions.labels[row])], images.patients[row],
                                    images.classes[static_cast<size_t>(images.predictions.predicted(n))]};
    for (const double probability : images.predictions.row(n)) fields.push_back(fmt::format("{:.9g}", probability));
    text += csv_line(fields);
  }
  return text;
}

}  // namespace defound
