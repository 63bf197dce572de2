#include <fmt/format.h>

#include "audit_labels.h"
#include "defound/core/error.h"

namespace defound {
namespace {

EmbedConfig probe_config(const AuditConfig& config) {
  EmbedConfig out;
  out.linear_probe = true;
  out.probe_strength = config.probe_strength;
  out.resamples = config.resamples;
  out.run.seed = config.run.seed;
  out.execution = config.execution;
  out.data.label_column = config.data.label_column;
  return out;
}

}  // namespace

void check_probes(const AuditSets& sets, const AuditConfig& config) {
  if (!sets.labelled) reject("--linear_probe: no image of --data has a label to learn from");
  probe_rows(probe_config(config), sets.reference);
}

std::vector<Probe> audit_probes(const AuditSets& sets, const AuditConfig& config) {
  const EmbedConfig options = probe_config(config);
  ImageTable both = sets.reference;
  both.rows.insert(both.rows.end(), sets.synthetic.rows.begin(), sets.synthetic.rows.end());
  const torch::Tensor features = torch::cat({sets.reference_features, sets.synthetic_features});
  const ProbeRows real = probe_rows(options, sets.reference);
  ProbeRows made = real;
  made.train.clear();
  for (int64_t i = 0; i < sets.synthetic.size(); ++i)
    if (sets.synthetic.rows[static_cast<size_t>(i)].label >= 0) made.train.push_back(sets.reference.size() + i);
  std::vector<Probe> probes;
  const auto add = [&](const char* name, const char* title, const ProbeRows& rows) {
    probes.push_back(run_probes(options, both, rows, features).front());
    probes.back().name = name, probes.back().description = fmt::format("{} ({} images), C {:.2g}", title, rows.train.size(),
                                                                       probes.back().settings["C"].get<double>());
  };
  add("trained_on_synthetic", "trained on the synthetic images", made);
  add("trained_on_real", "trained on the real images", real);
  return probes;
}

void add_audit_probes(Report& report, const std::vector<Probe>& probes) {
  report.heading("Trained on synthetic, tested on real");
  std::vector<std::vector<std::string>> rows;
  for (const Probe& probe : probes) {
    rows.push_back({probe.description});
    for (const auto& metric : probe.scores.metrics)
      if (metric.name.of_class < 0 && (metric.name.name == "macro_auroc" || metric.name.name == "balanced_accuracy"))
        rows.back().push_back(
            fmt::format("{:.3f}\n{:.3f} \u2013 {:.3f}", metric.value, metric.interval.low, metric.interval.high));
  }
  report.table({"linear probe", "macro_auroc", "balanced_accuracy"}, rows);
  report.paragraph("Logistic regression on the features, measured on the real split test, with intervals over patients.");
}

}  // namespace defound
