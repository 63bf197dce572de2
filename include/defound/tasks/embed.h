#pragma once
#include <iosfwd>
#include <string>

#include "defound/config/families.h"
#include "defound/core/error.h"

namespace defound {

struct EmbedConfig : RunConfig<EmbedConfig> {
  DataOptions data;
  std::string model, arch;
  std::string pool = "mean";
  int64_t input_size = 0;
  int64_t batch_size = 64;
  int64_t knn = 0;
  bool linear_probe = false;
  double probe_strength = 0;
  int64_t resamples = 1000;
  bool allow_leak = false;
  RunOptions run;
  ExecutionOptions execution;
  void visit(Visitor& v) override;
};

/// Features of the images of --data from an encoder: a run folder with features.npy ([N, D] fp32) and features.csv
/// (path,label,patient,split; row n belongs to feature n), report.html, and with --knn or --linear_probe classifiers on
/// the features, fitted on split train and measured on split test: metrics.json, KIND_predictions.csv. Prints a table.
/// Rejects (exit 2) what load_encoder and load_table reject, probes without labels, without both splits or with too few
/// images, and test images that went into the encoder unless allow_leak.
ExitCode embed(EmbedConfig& config, const std::string& command, std::ostream& out);

}  // namespace defound
