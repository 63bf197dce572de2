#pragma once
#include <string>

#include "defound/config/families.h"

namespace defound {

struct EvaluateConfig : Config {
  DataOptions data;
  std::string model;
  std::string output;
  std::string compare;
  std::string tta = "none";
  std::vector<std::string> subgroups;
  bool allow_leak = false;
  int64_t batch_size = 64;
  int64_t resamples = 1000;
  double confidence_level = 0.95;
  bool stratified = true;
  int64_t seed = 0;
  ExecutionOptions execution;
  GroupOptions group;
  void visit(Visitor& v) override;
};

/// Evaluates a fine-tuned classifier on labelled images: writes predictions.csv, metrics.json, report.html and
/// bad_files.csv as one folder that appears whole. Returns the table to print (with --dry_run the plan). Rejects
/// (exit 2) an output folder in use, labels that the model does not know, and test patients or images that are in the
/// ancestry of the model unless allow_leak. Of processes that were started together each predicts its share of the images;
/// the first writes, the others return "".
std::string evaluate(EvaluateConfig& config);

}  // namespace defound
