#pragma once
#include <string>
#include <vector>

#include "audit_data.h"
#include "defound/eval/confidence_intervals.h"
#include "defound/eval/memorization/copy_search.h"
#include "defound/eval/memorization/copy_threshold.h"
#include "defound/run/report.h"

namespace defound {

/// The training image that a synthetic one looks most like.
struct NearestImage {
  int64_t reference = -1;   ///< row of the reference table
  double similarity = 0;
  std::string copy;   ///< the kind (copy_kind.h); "" where it is none
};

/// Copies of training images, and near-duplicates, among the synthetic ones.
struct CopyAudit {
  std::vector<NearestImage> nearest;       ///< of each synthetic image
  std::vector<SimilarPair> duplicates;     ///< rows of the synthetic table
  int64_t detail = 0;                      ///< pixels a side at which images were compared
  CopyThreshold threshold;                 ///< set on one half of the patients
  std::vector<double> real_similarities;   ///< of real images of the other half, to other patients' training images
  double false_alarm_rate = 0;             ///< share of these above the threshold
  Interval false_alarm_interval;           ///< over patients
  std::vector<std::pair<int64_t, int64_t>>
      alike;   ///< real pairs of different patients above the threshold: rows of the reference
  int64_t copies() const;
  /// Rows that are like an earlier one.
  std::vector<bool> repeated(int64_t images) const;
};

CopyAudit audit_copies(const AuditSets& sets, const AuditConfig& config, const RunDir& run, const torch::Device& device);

std::string memorization_csv(const AuditSets& sets, const CopyAudit& copies, const fs::path& folder);
std::string duplicates_csv(const AuditSets& sets, const CopyAudit& copies, const fs::path& folder);
Json copies_json(const AuditSets& sets, const CopyAudit& copies, const AuditConfig& config);
/// Numbers, a histogram of similarities, the worst pairs side by side, duplicates.
void add_copies(Report& report, const AuditSets& sets, const CopyAudit& copies, const AuditConfig& config);

}  // namespace defound
