#pragma once
#include <string>
#include <vector>

#include "audit_data.h"
#include "defound/eval/confidence_intervals.h"
#include "defound/tasks/classifier.h"
#include "embed_probes.h"
#include "leak_check.h"

namespace defound {

/// How often a classifier's prediction is the label.
struct LabelAgreement {
  int64_t images = 0, of_class = -1;   ///< -1: all classes
  double value = 0;
  Interval interval;
};

/// A classifier trained on real images, asked about the synthetic ones and about the real split test.
struct LabelAudit {
  std::vector<std::string> classes;              ///< of the classifier
  std::vector<int64_t> predicted;                ///< of each synthetic image
  std::vector<LabelAgreement> synthetic, real;   ///< all, then each class; real is empty without a split test
  LeakCheck leaks;                               ///< of the real split test into the classifier
};

/// Rejects (exit 2) labels that the classifier does not know. To be called before anything is written.
void check_labels(const AuditSets& sets, const Classifier& classifier);
LabelAudit audit_labels(const AuditSets& sets, const Classifier& classifier, const AuditConfig& config,
                        const torch::Device& device);
/// Whether the classifier confirms a synthetic image's label (true for one without a label).
bool is_confirmed(const LabelAudit& labels, const AuditSets& sets, int64_t row);

Json labels_json(const LabelAudit& labels);
void add_labels(Report& report, const LabelAudit& labels);

/// Linear probes tested on the real split test: trained on the synthetic images, and on the real training images.
std::vector<Probe> audit_probes(const AuditSets& sets, const AuditConfig& config);
/// Rejects (exit 2) a reference on which they cannot be fitted or measured.
void check_probes(const AuditSets& sets, const AuditConfig& config);
void add_audit_probes(Report& report, const std::vector<Probe>& probes);

}  // namespace defound
