#include "defound/tasks/audit.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <ostream>

#include "audit_copies.h"
#include "audit_data.h"
#include "audit_fidelity.h"
#include "audit_filter.h"
#include "audit_labels.h"
#include "defound/core/version.h"
#include "defound/data/load_table.h"
#include "defound/models/vit.h"
#include "defound/tensor/device.h"
#include "text_table.h"

namespace defound {
namespace {

/// What an audit has found.
struct AuditFindings {
  std::vector<FidelityGroup> fidelity;   ///< empty without features
  CopyAudit copies;
  std::optional<LabelAudit> labels;
  std::vector<Probe> probes;
  std::optional<LeakCheck> probe_leaks;   ///< of the real split test into the encoder
  std::optional<ImageTable> filtered;
};

std::string plan_text(const AuditConfig& config, const AuditSets& sets, const std::optional<Encoder>& encoder) {
  const auto real = static_cast<double>(training_row_numbers(sets.reference).size()),
             made = static_cast<double>(sets.synthetic.size());
  const double calibrated = static_cast<double>(std::min(sets.reference.size(), config.calibration_images));
  const auto flops = 2.0 * 4 * 256 * real *
                     ((made + calibrated) * static_cast<double>(copy_windows().size()) + made * made / (2 * real));
  std::vector<std::vector<std::string>> rows{
      {"synthetic images", std::to_string(sets.synthetic.size())},
      {"real images", fmt::format("{}, {} of them to train", sets.reference.size(), real)},
      {"features", encoder               ? encoder->file.string() + ": " + encoder->pooling
                   : sets.has_features() ? config.features_data
                                         : "none: no fidelity and coverage"},
      {"work of the copy search", fmt::format("{:.3g} TFLOP, and {:.0f} alignments", flops / 1e12,
                                              (made + calibrated) * static_cast<double>(config.candidates) + 4 * made)},
      {"disk while it runs",
       fmt::format("{:.1f} MB", (made + static_cast<double>(sets.reference.size())) * kCopySide * kCopySide / 1e6)}};
  std::string text;
  for (const auto& row : rows) text += fmt::format("{:<28}{}\n", row[0], row[1]);
  return text;
}

Json findings_json(const AuditConfig& config, const AuditSets& sets, const AuditFindings& found,
                   const std::optional<Encoder>& encoder) {
  Json out = {{"data", config.data.data},
              {"reference", config.reference},
              {"version", version_text()},
              {"synthetic_images", sets.synthetic.size()},
              {"reference_images", training_row_numbers(sets.reference).size()}};
  if (encoder)
    out["encoder"] = encoder->file.string(), out["encoder_sha256"] = sha256_file(encoder->file),
    out["pooling"] = encoder->pooling;
  if (!found.fidelity.empty()) out["fidelity"] = fidelity_json(found.fidelity, sets.reference.classes);
  out["memorization"] = copies_json(sets, found.copies, config);
  if (found.labels) out["label_agreement"] = labels_json(*found.labels);
  if (!found.probes.empty()) out["probes"] = probes_json(found.probes);
  if (found.probe_leaks) out["probe_leaks"] = leaks_json(*found.probe_leaks);
  if (found.filtered) out["filtered_images"] = found.filtered->size();
  return out;
}

void write_audit_report(const fs::path& path, const AuditConfig& config, const AuditSets& sets, const AuditFindings& found) {
  Report report(fmt::format("Audit of {} synthetic images", sets.synthetic.size()),
                fmt::format("{}, compared with {} real images of {}; defound {}", fmt::join(config.data.data, ", "),
                            training_row_numbers(sets.reference).size(), fmt::join(config.reference, ", "), version_text()));
  if (found.copies.copies() > 0)
    report.warning(fmt::format("{} synthetic images are copies of real training images.", found.copies.copies()));
  if (const double needed = 1 / config.false_alarms; static_cast<double>(found.copies.threshold.images) < needed - 1)
    report.warning(fmt::format(
        "The threshold for copies stands on {} real images only and is extrapolated; {:.0f} are needed to see a rate of {:g}.",
        found.copies.threshold.images, needed, config.false_alarms));
  if (!found.fidelity.empty()) add_fidelity(report, found.fidelity, config);
  if (found.labels) add_labels(report, *found.labels);
  if (!found.probes.empty()) add_audit_probes(report, found.probes);
  if (found.probe_leaks) warn_of_leaks(report, *found.probe_leaks);
  add_copies(report, sets, found.copies, config);
  report.write(path);
}

/// A line for each thing that was measured.
std::string findings_text(const AuditSets& sets, const AuditFindings& found) {
  std::vector<std::vector<std::string>> rows{{"", "value", "interval"}};
  const auto add = [&](const std::string& name, double value, const Interval& interval) {
    rows.push_back({name, fmt::format("{:.4g}", value), fmt::format("{:.4g} - {:.4g}", interval.low, interval.high)});
  };
  if (!found.fidelity.empty())
    for (const FidelityMetric& metric : found.fidelity.front().metrics) add(metric.name, metric.value, metric.interval);
  if (found.labels) add("labels confirmed", found.labels->synthetic.front().value, found.labels->synthetic.front().interval);
  for (const Probe& probe : found.probes)
    for (const auto& metric : probe.scores.metrics)
      if (metric.name.name == "macro_auroc" && metric.name.of_class < 0)
        add(probe.name + " macro_auroc", metric.value, metric.interval);
  add("false alarms", found.copies.false_alarm_rate, found.copies.false_alarm_interval);
  const auto repeated = found.copies.repeated(sets.synthetic.size());
  return text_table(rows) + fmt::format("\n{} of {} images are copies, {} near-duplicates\n", found.copies.copies(),
                                        sets.synthetic.size(), std::count(repeated.begin(), repeated.end(), true));
}

}  // namespace

ExitCode audit(AuditConfig& config, const std::string& command, std::ostream& out) {
  const torch::Device device = apply_execution(config.execution);
  AuditSets sets = load_audit_sets(config);
  std::optional<Encoder> encoder;
  if (!config.encoder.empty()) encoder = load_encoder({config.encoder, config.arch, config.pool, config.input_size});
  std::optional<Classifier> classifier;
  if (!config.classifier.empty()) classifier = load_classifier(config.classifier), check_labels(sets, *classifier);
  if (config.linear_probe) check_probes(sets, config);
  const Resume resume = parse_resume(config.run.resume);
  const bool continued = resume != Resume::kNever && is_there(fs::path(config.run.output) / "config.json");
  const fs::path filtered = config.write_filtered ? filtered_manifest(config, continued) : fs::path();
  if (config.execution.dry_run) return out << plan_text(config, sets, encoder), ExitCode::kDone;
  const RunDir run = RunDir::open(config.run.output, resume, config, command);
  if (run.is_done()) return ExitCode::kDone;

  leave_out_bad_images(sets, config, run);
  AuditFindings found;
  if (encoder) embed_audit_sets(sets, *encoder, config, device);
  if (sets.has_features()) found.fidelity = audit_fidelity(sets, config);
  if (classifier) found.labels = audit_labels(sets, *classifier, config, device);
  if (config.linear_probe) {
    found.probes = audit_probes(sets, config);
    const ImageTable test = rows_of_split(sets.reference, "test");
    if (encoder) found.probe_leaks = check_leaks(encoder->file, test, /*allow_leak=*/true, config.execution.threads);
  }
  found.copies = audit_copies(sets, config, run, device);
  if (config.write_filtered)
    found.filtered = filter_synthetic(sets, found.copies, config.filter_labels ? &*found.labels : nullptr);

  write_atomic(run / "memorization.csv", memorization_csv(sets, found.copies, run.path()));
  write_atomic(run / "duplicates.csv", duplicates_csv(sets, found.copies, run.path()));
  write_atomic(run / "metrics.json", findings_json(config, sets, found, encoder).dump(2) + "\n");
  write_audit_report(run / "report.html", config, sets, found);
  if (found.filtered) write_filtered_manifest(filtered, *found.filtered);
  run.finish();
  out << findings_text(sets, found);
  if (found.filtered) out << fmt::format("{} images are left in {}\n", found.filtered->size(), filtered.string());
  out << (run / "report.html").string() << "\n";
  return ExitCode::kDone;
}

}  // namespace defound
