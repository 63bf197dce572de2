#include <fmt/format.h>

#include "defound/tasks/evaluation.h"

namespace defound {
namespace {

Json metric_json(const ScoredMetric& metric) {
  return {{"value", metric.value}, {"low", metric.interval.low}, {"high", metric.interval.high}, {"n", metric.n}, {"resamples", metric.interval.resamples}};
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
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
  std::string text = "path,label,patient,prediction";
  for (const auto& name : images.classes) text += "," + csv_field("prob." + name);
  text += "\n";
  for (int64_t n = 0; n < images.predictions.size(); ++n) {
    const auto row = static_cast<size_t>(n);
    text += fmt::format("{},{},{},{}", csv_field(images.paths[row]), csv_field(images.classes[static_cast<size_t>(images.predictions.labels[row])]),
                        csv_field(images.patients[row]), csv_field(images.classes[static_cast<size_t>(images.predictions.predicted(n))]));
    for (const double probability : images.predictions.row(n)) text += fmt::format(",{:.9g}", probability);
    text += "\n";
  }
  return text;
}

}  // namespace defound
