#pragma once
#include <cstdint>
#include <vector>

#include "defound/eval/predictions.h"

namespace defound {

/// One class against the rest. A rate without a denominator is NaN, but precision and F1 of a class that is never
/// predicted are 0 (scikit-learn's zero_division=0).
struct OneVsRest {
  double true_positive = 0, false_positive = 0, false_negative = 0, true_negative = 0;
  double sensitivity() const;
  double specificity() const;
  double precision() const;
  double f1() const;
  double accuracy() const;
  double g_mean() const;    ///< sqrt(sensitivity x specificity)
  double mcc() const;       ///< Matthews 1975; 0 when a margin is empty
};

/// counts[truth][prediction].
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int64_t classes);
  void add(int64_t truth, int64_t prediction, int64_t times = 1);
  int64_t classes() const { return static_cast<int64_t>(counts_.size()); }
  const std::vector<std::vector<int64_t>>& counts() const { return counts_; }
  int64_t truths(int64_t of_class) const;         ///< samples of the class
  OneVsRest one_vs_rest(int64_t of_class) const;

  double accuracy() const;
  double balanced_accuracy() const;               ///< mean sensitivity of the classes present
  double mcc() const;                             ///< of all classes together (Gorodkin 2004); 0 when a margin is empty
  double kappa() const;                           ///< Cohen 1960
  double quadratic_kappa() const;                 ///< Cohen 1968, weights (i - j)^2: classes must be in order of severity

 private:
  double weighted_kappa(double (*disagreement)(int64_t, int64_t)) const;
  std::vector<std::vector<int64_t>> counts_;
};

}  // namespace defound
