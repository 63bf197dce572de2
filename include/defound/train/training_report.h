#pragma once
#include <string>
#include <vector>

#include "defound/run/run_dir.h"

namespace defound {

struct ReportPicture {
  std::string caption;
  std::string png;         ///< the file's bytes
};

/// Writes report.html of a training run: the recipe, a plot of every number in metrics.jsonl over the steps (training
/// and validation losses in one), and the pictures.
void write_training_report(const RunDir& run, const std::string& title, const std::vector<ReportPicture>& pictures);

}  // namespace defound
