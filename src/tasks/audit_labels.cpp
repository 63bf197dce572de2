#include "audit_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "defound/core/error.h"
#include "defound/data/image_dataset.h"
#include "defound/models/vit.h"
#include "defound/tasks/predict.h"
#include "defound/tensor/device.h"

namespace defound {
namespace {

ImageTable for_classifier(const ImageTable& table, const Classifier& classifier) {
  ImageTable out = table;
  adopt_classes(out, classifier.classes, classifier.file.string());
  return out;
}

ImageTable real_test_rows(const AuditSets& sets) {
  return filter_rows(sets.reference, [](const ImageRow& row) { return row.split == "test" && row.label >= 0; });
}

/// Shares of all labelled rows and of each class whose prediction is the label, with intervals over patients.
std::vector<LabelAgreement> agreement(const ImageTable& table, const Predictions& predictions, const AuditConfig& config,
                                      const std::string& purpose) {
  std::vector<std::string> patients;
  std::vector<int64_t> labels;
  std::vector<uint8_t> hits;
  for (int64_t n = 0; n < predictions.size(); ++n) {
    const int64_t label = predictions.labels[static_cast<size_t>(n)];
    if (label < 0) continue;
    const ImageRow& row = table.rows[static_cast<size_t>(n)];
    patients.push_back(row.patient_known ? row.patient : ""), labels.push_back(label),
        hits.push_back(predictions.predicted(n) == label);
  }
  const auto shares = [&](Counts counts) {
    std::vector<double> right(static_cast<size_t>(predictions.classes) + 1, 0), all(right);
    for (size_t i = 0; i < labels.size(); ++i) {
      const double times = counts.empty() ? 1.0 : static_cast<double>(counts[i]);
      for (const size_t at : {size_t{0}, static_cast<size_t>(labels[i]) + 1})
        all[at] += times, right[at] += hits[i] ? times : 0;
    }
    for (size_t i = 0; i < right.size(); ++i) right[i] = right[i] / all[i];
    return right;
  };
  const auto values = shares({});
  const auto intervals = bootstrap_intervals(group_by_patient(patients, labels),
                                             {config.resamples, config.confidence_level, true, 1},
                                             Draws(static_cast<uint64_t>(config.run.seed), purpose), shares);
  std::vector<LabelAgreement> out;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto of_class = static_cast<int64_t>(i) - 1;
    const int64_t images = of_class < 0 ? static_cast<int64_t>(labels.size())
                                        : std::count(labels.begin(), labels.end(), of_class);
    out.push_back({images, of_class, values[i], intervals[i]});
  }
  return out;
}

std::string agreement_cell(const std::vector<LabelAgreement>& shares, size_t i) {
  if (i >= shares.size() || !std::isfinite(shares[i].value)) return "\u2013";
  if (!std::isfinite(shares[i].interval.low)) return fmt::format("{:.3f}", shares[i].value);
  return fmt::format("{:.3f}\n{:.3f} \u2013 {:.3f}", shares[i].value, shares[i].interval.low, shares[i].interval.high);
}

}  // namespace

void check_labels(const AuditSets& sets, const Classifier& classifier) {
  if (!sets.labelled) reject("--classifier: no image of --data has a label that it could confirm");
  for_classifier(sets.synthetic, classifier);
  for_classifier(real_test_rows(sets), classifier);
}

LabelAudit audit_labels(const AuditSets& sets, const Classifier& classifier, const AuditConfig& config,
                        const torch::Device& device) {
  classifier.model->to(device, parse_precision(config.execution.precision));
  pack_weights(*classifier.model);
  const auto ask = [&](const ImageTable& table) {
    return predict(*classifier.model, ImageDataset(table, *classifier.transform, /*cache_bytes=*/0), config.batch_size, device,
                   config.execution.num_workers);
  };
  LabelAudit out{classifier.classes, {}, {}, {}, {}};
  const ImageTable made = for_classifier(sets.synthetic, classifier), real = for_classifier(real_test_rows(sets), classifier);
  const Predictions predictions = ask(made);
  for (int64_t n = 0; n < predictions.size(); ++n) out.predicted.push_back(predictions.predicted(n));
  out.synthetic = agreement(made, predictions, config, "audit.labels.synthetic");
  if (real.size() > 0) {
    out.real = agreement(real, ask(real), config, "audit.labels.real");
    out.leaks = check_leaks(classifier.file, real, /*allow_leak=*/true, config.execution.threads);
  }
  return out;
}

bool is_confirmed(const LabelAudit& labels, const AuditSets& sets, int64_t row) {
  const std::string& label = sets.synthetic.rows[static_cast<size_t>(row)].label_name;
  return label.empty() || labels.classes[static_cast<size_t>(labels.predicted[static_cast<size_t>(row)])] == label;
}

Json labels_json(const LabelAudit& labels) {
  const auto shares_json = [&](const std::vector<LabelAgreement>& shares) {
    Json out = Json::object();
    for (const LabelAgreement& share : shares) {
      const Json entry = {
          {"value", share.value}, {"low", share.interval.low}, {"high", share.interval.high}, {"n", share.images}};
      (share.of_class < 0 ? out["all"] : out["per_class"][labels.classes[static_cast<size_t>(share.of_class)]]) = entry;
    }
    return out;
  };
  Json out = {{"synthetic", shares_json(labels.synthetic)}};
  if (!labels.real.empty()) out["real_test_split"] = shares_json(labels.real), out["leaks"] = leaks_json(labels.leaks);
  return out;
}

void add_labels(Report& report, const LabelAudit& labels) {
  report.heading("Does a classifier of real images confirm the labels?");
  if (!labels.real.empty()) warn_of_leaks(report, labels.leaks);
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < labels.synthetic.size(); ++i)
    rows.push_back({i == 0 ? "all" : labels.classes[i - 1], std::to_string(labels.synthetic[i].images),
                    agreement_cell(labels.synthetic, i), labels.real.empty() ? "\u2013" : std::to_string(labels.real[i].images),
                    agreement_cell(labels.real, i)});
  report.table({"label", "synthetic images", "confirmed", "real test images", "right"}, rows);
}

}  // namespace defound
