#pragma once
#include <string>
#include <utility>
#include <vector>

#include "defound/config/json.h"
#include "defound/eval/confidence_intervals.h"
#include "defound/eval/metrics.h"
#include "defound/run/report.h"

namespace defound {

/// Predictions, with what is known of each image.
struct EvaluatedImages {
  std::vector<std::string> classes;
  Predictions predictions;                                                   ///< of N images
  std::vector<std::string> paths, patients;                                  ///< [N]; patient "" when unknown
  std::vector<std::pair<std::string, std::vector<std::string>>> columns;     ///< further columns of the manifest, [N] each
  int64_t patient_count() const;                                             ///< an unknown patient is one of its own
};

struct ScoredMetric {
  MetricName name;
  double value = 0;          ///< NaN where undefined
  Interval interval;
  int64_t n = 0;             ///< images it stands on: all, or those of its class
};

struct ScoredSubgroup {
  std::string column, value;
  int64_t images = 0, patients = 0;
  std::vector<ScoredMetric> metrics;   ///< macro_auroc, accuracy, balanced_accuracy
};

/// All that metrics.json and the report say of a set of predictions.
struct Scores {
  BootstrapOptions bootstrap;
  std::vector<ScoredMetric> metrics;
  std::vector<ScoredSubgroup> subgroups;
  std::vector<int64_t> absent_classes;
  ConfusionMatrix confusion{0};
};

/// Metrics with bootstrap intervals over patients, for all images and for each subgroup.
Scores score(const EvaluatedImages& images, const BootstrapOptions& options, uint64_t seed);

/// The metrics, intervals, confusion matrix and subgroups as JSON; undefined numbers are null.
Json scores_json(const EvaluatedImages& images, const Scores& scores);
/// A few lines for the terminal: the metrics of all classes together, with intervals.
std::string scores_text(const Scores& scores);
/// Tables, ROC, precision-recall and calibration curves, confusion matrix; warnings of classes without images and of
/// classes with fewer than five patients on top.
void add_scores(Report& report, const EvaluatedImages& images, const Scores& scores);

/// One metric of this model less the same of another, on the same images.
struct ComparedMetric {
  std::string name;
  double value = 0, other = 0;
  Difference difference;
};
/// Compares with the predictions.csv of another evaluation by a paired bootstrap over patients. Rejects (exit 2) other
/// images, labels or classes.
std::vector<ComparedMetric> compare_predictions(const EvaluatedImages& images, const std::string& other_csv, const BootstrapOptions& options, uint64_t seed);
Json comparison_json(const std::vector<ComparedMetric>& compared);
void add_comparison(Report& report, const std::string& other, const std::vector<ComparedMetric>& compared);

/// path,label,patient,prediction,prob.CLASS,...: RFC 4180.
std::string predictions_csv(const EvaluatedImages& images);

}  // namespace defound
