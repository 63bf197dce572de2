#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/data/csv.h"
#include "defound/tasks/evaluation.h"

namespace defound {
namespace {

/// Another model's predictions for the same images, in the order of `images`.
Predictions read_predictions(const EvaluatedImages& images, const std::string& file) {
  const auto records = parse_csv(read_text(file), file);
  std::vector<std::string> header{"path", "label", "patient", "prediction"};
  for (const auto& name : images.classes) header.push_back("prob." + name);
  if (records.empty() || records.front().fields != header) reject("{}: the columns must be those of predictions.csv with the same classes", file);
  std::map<std::string, const CsvRecord*> by_path;
  for (size_t i = 1; i < records.size(); ++i) by_path[records[i].fields[0]] = &records[i];
  if (by_path.size() != images.paths.size()) reject("{} holds {} images, this evaluation {}: compare on the same images", file, by_path.size(), images.paths.size());
  Predictions out{images.predictions.classes, images.predictions.labels, {}};
  for (size_t row = 0; row < images.paths.size(); ++row) {
    const auto at = by_path.find(images.paths[row]);
    if (at == by_path.end()) reject("{} has no prediction for {}: compare on the same images", file, images.paths[row]);
    const CsvRecord& record = *at->second;
    if (record.fields[1] != images.classes[static_cast<size_t>(out.labels[row])]) reject("{}:{}: another label than in this evaluation", file, record.line);
    for (size_t c = 4; c < record.fields.size(); ++c) {
      char* end = nullptr;
      out.probabilities.push_back(std::strtod(record.fields[c].c_str(), &end));
      if (record.fields[c].empty() || *end != '\0') reject("{}:{}: '{}' is no number", file, record.line, record.fields[c]);
    }
  }
  return out;
}

}  // namespace

std::vector<ComparedMetric> compare_predictions(const EvaluatedImages& images, const std::string& other_csv, const BootstrapOptions& options, uint64_t seed) {
  const ClassificationMetrics ours(images.predictions), theirs(read_predictions(images, other_csv));
  const auto differences = bootstrap_differences(group_by_patient(images.patients, images.predictions.labels), options, Draws(seed, "bootstrap"),
                                                 [&](Counts counts) { return ours.values(counts); }, [&](Counts counts) { return theirs.values(counts); });
  const auto values = ours.values(), others = theirs.values();
  std::vector<ComparedMetric> out;
  for (size_t i = 0; i < values.size(); ++i)
    if (ours.names()[i].of_class < 0) out.push_back({ours.names()[i].name, values[i], others[i], differences[i]});
  return out;
}

Json comparison_json(const std::vector<ComparedMetric>& compared) {
  Json out = Json::object();
  for (const auto& metric : compared)
    out[metric.name] = {{"value", metric.value}, {"other", metric.other}, {"difference", metric.difference.value},
                        {"low", metric.difference.interval.low}, {"high", metric.difference.interval.high}, {"p_value", metric.difference.p_value}};
  return out;
}

void add_comparison(Report& report, const std::string& other, const std::vector<ComparedMetric>& compared) {
  const auto text = [](double value) { return std::isnan(value) ? std::string("\u2013") : fmt::format("{:.3f}", value); };
  std::vector<std::vector<std::string>> rows;
  for (const auto& metric : compared) {
    const Difference& difference = metric.difference;
    rows.push_back({metric.name, text(metric.value), text(metric.other), text(difference.value),
                    "[" + text(difference.interval.low) + ", " + text(difference.interval.high) + "]", text(difference.p_value)});
  }
  report.heading("Compared with another model");
  report.paragraph(fmt::format("Other: {}. Paired bootstrap over patients: both models on the same resamples; p is two-sided.", other));
  report.table({"metric", "this model", "other", "difference", "interval", "p"}, rows);
}

}  // namespace defound
