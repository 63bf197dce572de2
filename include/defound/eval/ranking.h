#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "defound/eval/predictions.h"

namespace defound {

/// Points of a curve, from the highest threshold to the lowest, one for each distinct score.
struct RocCurve {
  std::vector<double> false_positive_rate, true_positive_rate;   ///< begins with (0, 0)
};
struct PrecisionRecallCurve {
  std::vector<double> recall, precision;                         ///< begins with (0, 1)
};

/// Scores of one class against the rest, sorted once, so that many resamples are cheap. Everything is NaN (curves
/// empty) when there is no positive, and the AUROC too when there is no negative.
class RankedScores {
 public:
  /// `positive` holds 1 for samples of the class, 0 for the others.
  RankedScores(std::span<const double> scores, std::span<const uint8_t> positive);
  /// Area under the ROC curve: the chance that a positive scores above a negative, ties count half (Hanley and McNeil 1982).
  double auroc(Counts counts = {}) const;
  /// Average precision, sum over thresholds of (recall gained) x precision, as scikit-learn defines it: not a trapezoid.
  double average_precision(Counts counts = {}) const;
  /// Both in one pass.
  struct Areas {
    double auroc = 0, average_precision = 0;
  };
  Areas areas(Counts counts = {}) const;
  RocCurve roc() const;
  PrecisionRecallCurve precision_recall() const;

 private:
  template <class Visit>
  void walk(Counts counts, Visit visit) const;   // visit(true positives, false positives) after each distinct score
  std::vector<size_t> order_;                    // by falling score
  std::vector<uint8_t> positive_, last_of_tie_;  // in that order
};

}  // namespace defound
