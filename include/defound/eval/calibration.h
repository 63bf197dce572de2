#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "defound/eval/predictions.h"

namespace defound {

/// Samples whose predicted probability falls into (low, high]; the first bin holds 0 too.
struct ReliabilityBin {
  double mean_predicted = 0;   ///< NaN in an empty bin
  double observed = 0;         ///< share of hits; NaN in an empty bin
  int64_t count = 0;
};

/// Bins of equal width over [0, 1]; predicted probabilities against hits (1 or 0). DeGroot and Fienberg 1983.
std::vector<ReliabilityBin> reliability_curve(std::span<const double> predicted, std::span<const uint8_t> hits, int64_t bins = 10, Counts counts = {});

/// Expected calibration error of the top class, bins of equal width (Guo et al., "On calibration of modern neural
/// networks", ICML 2017): mean over samples of |accuracy - confidence| of their bin.
double expected_calibration_error(std::span<const ReliabilityBin> bins);

/// Brier score of one sample: sum over classes of (probability - truth)^2 (Brier 1950, 0 .. 2); for two classes half
/// of it, the usual (p - y)^2 in 0 .. 1, as scikit-learn does.
double brier_score(std::span<const double> probabilities, int64_t label);

}  // namespace defound
