#pragma once
#include <cstdint>
#include <span>

#include "defound/eval/confidence_intervals.h"

namespace defound {

/// Two models' AUROCs on the same samples (DeLong, DeLong and Clarke-Pearson 1988, by midranks as Sun and Xu 2014).
/// Samples must be independent: with several images a patient use bootstrap_difference instead.
struct DeLong {
  double first = 0, second = 0;                     ///< AUROC; NaN without positives or negatives
  double first_variance = 0, second_variance = 0, covariance = 0;
  double z = 0, p_value = 1;                        ///< two-sided test of first == second; NaN with fewer than two of a kind
  Interval first_interval(double level = 0.95) const;   ///< normal approximation, cut to [0, 1]
};
DeLong delong(std::span<const double> first_scores, std::span<const double> second_scores, std::span<const uint8_t> positive);

/// Quantile of the standard normal distribution, 0 < p < 1.
double normal_quantile(double p);

}  // namespace defound
