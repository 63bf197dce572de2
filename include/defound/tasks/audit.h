#pragma once
#include <iosfwd>
#include <string>
#include <vector>

#include "defound/config/families.h"
#include "defound/core/error.h"

namespace defound {

struct AuditConfig : RunConfig<AuditConfig> {
  DataOptions data;                     ///< the synthetic images
  std::vector<std::string> reference;   ///< the real ones
  std::string encoder, arch, pool = "mean";
  int64_t input_size = 0;
  std::string features_data, features_reference;
  int64_t nearest = 5, subset_size = 1000, subsets = 100, resamples = 200;
  double confidence_level = 0.95;
  std::string classifier;
  bool linear_probe = false;
  double probe_strength = 0;
  double false_alarms = 0.01;
  int64_t candidates = 4, calibration_images = 4000;
  bool write_filtered = false, filter_labels = false;
  int64_t batch_size = 64;
  RunOptions run;
  ExecutionOptions execution;
  void visit(Visitor& v) override;
};

/// Audits the synthetic images of --data against the real ones of --reference (those of split train, where there are
/// splits): a run folder with
///   memorization.csv   path,nearest,similarity,copy of every synthetic image; copy names its kind (copy_kind.h), else empty
///   duplicates.csv     path,other,similarity: images that are like an earlier one
///   metrics.json, report.html
/// and with features (an encoder, or .npy files in the order of the images) Frechet and kernel distance, precision, recall,
/// density and coverage, with intervals, of all images and of each class; with --classifier how often it confirms the label;
/// with --linear_probe the AUROC on split test of probes trained on synthetic and on real images. --write_filtered puts
/// manifest-filtered.csv beside the images. Prints a table. Rejects (exit 2), before anything is written, missing data, real
/// images of fewer than four patients, a class without images on a side, features of another number of rows or with numbers
/// that are not finite.
ExitCode audit(AuditConfig& config, const std::string& command, std::ostream& out);

}  // namespace defound
