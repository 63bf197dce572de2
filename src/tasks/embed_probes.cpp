#include "embed_probes.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/data/load_table.h"
#include "defound/tasks/knn_probe.h"
#include "defound/tasks/linear_probe.h"
#include "text_table.h"

namespace defound {
namespace {

std::vector<int64_t> labels_of(const ImageTable& table, const std::vector<int64_t>& rows) {
  std::vector<int64_t> labels;
  for (const int64_t row : rows) labels.push_back(table.rows[static_cast<size_t>(row)].label);
  return labels;
}

int64_t classes_among(const ImageTable& table, const std::vector<int64_t>& rows) {
  const auto labels = labels_of(table, rows);
  return static_cast<int64_t>(std::set<int64_t>(labels.begin(), labels.end()).size());
}

torch::Tensor features_of(const torch::Tensor& features, const std::vector<int64_t>& rows) { return features.index_select(0, torch::tensor(rows, torch::kInt64)); }

/// 1e-5, 3.2e-5, ... 100.
std::vector<double> strength_grid() {
  std::vector<double> strengths;
  for (int half_decade = -10; half_decade <= 4; ++half_decade) strengths.push_back(std::pow(10.0, half_decade / 2.0));
  return strengths;
}

EvaluatedImages test_images(const ImageTable& table, const std::vector<int64_t>& rows, std::vector<double> probabilities) {
  EvaluatedImages images{table.classes, {static_cast<int64_t>(table.classes.size()), labels_of(table, rows), std::move(probabilities)}, {}, {}, {}};
  for (const int64_t at : rows) {
    const ImageRow& row = table.rows[static_cast<size_t>(at)];
    images.paths.push_back(row.path.string());
    images.patients.push_back(row.patient_known ? row.patient : "");
  }
  return images;
}

/// The model whose strength is best on the validation rows, of equal ones that of the strongest penalty.
LinearModel choose_linear(const ImageTable& table, const ProbeRows& rows, const torch::Tensor& features, Json& settings) {
  const auto models = fit_linear(features_of(features, rows.train), labels_of(table, rows.train), static_cast<int64_t>(table.classes.size()), strength_grid());
  const torch::Tensor held_out = features_of(features, rows.val);
  const LinearModel* best = nullptr;
  double best_auroc = -1;
  settings["validation"] = Json::array();
  for (const LinearModel& model : models) {
    const Predictions predictions{model.classes, labels_of(table, rows.val), model.probabilities(held_out)};
    const double auroc = ClassificationMetrics(predictions).value("macro_auroc");
    settings["validation"].push_back({{"C", model.strength}, {"macro_auroc", auroc}});
    if (auroc > best_auroc) best = &model, best_auroc = auroc;
  }
  return *best;
}

Probe linear_probe(const EmbedConfig& config, const ImageTable& table, const ProbeRows& rows, const torch::Tensor& features) {
  Probe probe{"linear_probe", "", {}, {}, {}};
  const auto classes = static_cast<int64_t>(table.classes.size());
  const bool given = config.probe_strength > 0;
  const LinearModel model = given ? fit_linear(features_of(features, rows.train), labels_of(table, rows.train), classes, {config.probe_strength}).front()
                                  : choose_linear(table, rows, features, probe.settings);
  probe.settings["C"] = model.strength;
  probe.settings["chosen_by"] = given ? "--probe_strength" : "macro_auroc on split val";
  probe.settings["standardized"] = true;
  probe.description = fmt::format("Linear probe, C {:.2g}{}", model.strength, given ? "" : " (best on val)");
  probe.images = test_images(table, rows.test, model.probabilities(features_of(features, rows.test)));
  return probe;
}

Probe knn_probe(const EmbedConfig& config, const ImageTable& table, const ProbeRows& rows, const torch::Tensor& features) {
  return {"knn", fmt::format("k nearest neighbors, k {}", config.knn), {{"k", config.knn}, {"similarity", "cosine"}, {"temperature", kKnnTemperature}},
          test_images(table, rows.test, knn_probabilities(features_of(features, rows.train), labels_of(table, rows.train), features_of(features, rows.test),
                                                          static_cast<int64_t>(table.classes.size()), config.knn)), {}};
}

const ScoredMetric& metric_of(const Probe& probe, const std::string& name) {
  return *std::find_if(probe.scores.metrics.begin(), probe.scores.metrics.end(), [&](const ScoredMetric& m) { return m.name.name == name && m.name.of_class < 0; });
}

/// A header and a row a probe.
std::vector<std::vector<std::string>> comparison_rows(const std::vector<Probe>& probes) {
  const std::vector<std::string> names{"macro_aupr", "accuracy", "balanced_accuracy", "mcc"};
  std::vector<std::vector<std::string>> rows{{"probe", "macro_auroc", "95 % interval"}};
  rows[0].insert(rows[0].end(), names.begin(), names.end());
  for (const Probe& probe : probes) {
    const ScoredMetric& auroc = metric_of(probe, "macro_auroc");
    rows.push_back({probe.description, fmt::format("{:.4f}", auroc.value), fmt::format("{:.4f} - {:.4f}", auroc.interval.low, auroc.interval.high)});
    for (const auto& name : names) rows.back().push_back(fmt::format("{:.4f}", metric_of(probe, name).value));
  }
  return rows;
}

}  // namespace

ProbeRows probe_rows(const EmbedConfig& config, const ImageTable& table) {
  if (!config.data.split.empty()) reject("the probes are fitted on split train and measured on split test; leave --split out");
  const ImageTable labelled = filter_rows(table, [](const ImageRow& row) { return row.label >= 0; });
  if (labelled.rows.empty()) reject("no image has a label (column '{}'); the probes need labels", config.data.label_column);
  if (table.classes.size() < 2) reject("the probes need at least two classes; there is only '{}'", table.classes.front());
  require_every_class(rows_of_split(labelled, "train"), "split train");
  rows_of_split(labelled, "test");   // rejects, saying how to make one
  ProbeRows rows;
  for (int64_t i = 0; i < table.size(); ++i) {
    const ImageRow& row = table.rows[static_cast<size_t>(i)];
    if (row.label < 0 || row.split.empty()) continue;
    (row.split == "train" ? rows.train : row.split == "val" ? rows.val : rows.test).push_back(i);
  }
  if (classes_among(table, rows.test) < 2) reject("split test has images of one class only; at least two are needed to measure a probe");
  if (config.knn > static_cast<int64_t>(rows.train.size())) reject("--knn {}: split train has only {} labelled images", config.knn, rows.train.size());
  if (config.linear_probe && config.probe_strength == 0 && classes_among(table, rows.val) < 2)
    reject("the strength of the linear probe is chosen on split val, which has {}; make a split val with defound-data split, or give --probe_strength",
           rows.val.empty() ? "no labelled image" : "images of one class only");
  return rows;
}

std::vector<Probe> run_probes(const EmbedConfig& config, const ImageTable& table, const ProbeRows& rows, const torch::Tensor& features) {
  log::info("probes: {} training, {} validation and {} test images", rows.train.size(), rows.val.size(), rows.test.size());
  std::vector<Probe> probes;
  if (config.knn > 0) probes.push_back(knn_probe(config, table, rows, features));
  if (config.linear_probe) probes.push_back(linear_probe(config, table, rows, features));
  for (Probe& probe : probes)
    probe.scores = score(probe.images, {config.resamples, 0.95, /*stratified=*/true, config.execution.threads}, static_cast<uint64_t>(config.run.seed));
  return probes;
}

Json probes_json(const std::vector<Probe>& probes) {
  Json out = Json::object();
  for (const Probe& probe : probes) {
    out[probe.name] = {{"settings", probe.settings}};
    out[probe.name].update(scores_json(probe.images, probe.scores));
  }
  return out;
}

std::string probes_text(const std::vector<Probe>& probes) { return text_table(comparison_rows(probes)); }

void add_probes(Report& report, const std::vector<Probe>& probes) {
  if (probes.empty()) return;
  auto rows = comparison_rows(probes);
  const auto header = rows.front();
  rows.erase(rows.begin());
  report.heading("Probes on split test");
  report.table(header, rows);
  report.paragraph(fmt::format("Fitted on split train. k nearest neighbors: cosine similarity s, each of the k votes with exp(s / {}). Linear probe: logistic "
                               "regression with an L2 penalty on features of mean 0 and deviation 1; C is scikit-learn's.", kKnnTemperature));
  for (const Probe& probe : probes) {
    report.heading(probe.description);
    if (const auto tried = probe.settings.find("validation"); tried != probe.settings.end()) {
      std::vector<std::vector<std::string>> strengths;
      for (const Json& fit : *tried) strengths.push_back({fmt::format("{:.2g}", fit["C"].get<double>()), fmt::format("{:.4f}", fit["macro_auroc"].get<double>())});
      report.table({"C", "macro_auroc on split val"}, strengths);
    }
    add_scores(report, probe.images, probe.scores);
  }
}

}  // namespace defound
