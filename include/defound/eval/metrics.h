#pragma once
#include <string>
#include <vector>

#include "defound/eval/calibration.h"
#include "defound/eval/confusion.h"
#include "defound/eval/predictions.h"
#include "defound/eval/ranking.h"

namespace defound {

/// A metric of all classes together (of_class < 0) or of one.
struct MetricName {
  std::string name;
  int64_t of_class = -1;
};

/// All classification metrics of one set of predictions; sorted once, then cheap for each resample.
///
/// macro_* are unweighted means over the classes present in the set; a class without samples is left out (see
/// absent_classes). macro_auroc and macro_aupr are one-vs-rest. published_* are what the published code of RETFound
/// and DERETFound prints (engine_finetune.py, misc_measures): the one-vs-rest value, its accuracy and MCC included,
/// averaged over all classes but the first.
class ClassificationMetrics {
 public:
  explicit ClassificationMetrics(const Predictions& predictions);
  /// Names of values(), in its order: those of all classes first.
  const std::vector<MetricName>& names() const { return names_; }
  /// NaN where a metric is undefined on these samples.
  std::vector<double> values(Counts counts = {}) const;
  double value(const std::string& name, int64_t of_class = -1) const;

  ConfusionMatrix confusion(Counts counts = {}) const;
  const RankedScores& ranking(int64_t of_class) const { return ranked_[static_cast<size_t>(of_class)]; }
  /// Confidence of the predicted class against hits.
  std::vector<ReliabilityBin> reliability(int64_t bins = 10, Counts counts = {}) const;
  std::vector<int64_t> absent_classes() const;

 private:
  int64_t classes_ = 0;
  std::vector<MetricName> names_;
  std::vector<int64_t> labels_, predicted_;
  std::vector<double> confidence_, brier_;
  std::vector<uint8_t> hit_;
  std::vector<RankedScores> ranked_;
};

}  // namespace defound
