#include "defound/eval/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace defound {

std::vector<ReliabilityBin> reliability_curve(std::span<const double> predicted, std::span<const uint8_t> hits, int64_t bins, Counts counts) {
  std::vector<ReliabilityBin> curve(static_cast<size_t>(bins));
  std::vector<double> edges;   // the bins' upper edges but the last, as numpy.linspace makes them
  for (int64_t i = 1; i < bins; ++i) edges.push_back(static_cast<double>(i) * (1.0 / static_cast<double>(bins)));
  for (size_t i = 0; i < predicted.size(); ++i) {
    const int64_t times = counts.empty() ? 1 : counts[i];
    auto& bin = curve[static_cast<size_t>(std::lower_bound(edges.begin(), edges.end(), predicted[i]) - edges.begin())];
    bin.mean_predicted += static_cast<double>(times) * predicted[i];
    bin.observed += static_cast<double>(times) * hits[i];
    bin.count += times;
  }
  for (auto& bin : curve) {
    const double n = bin.count == 0 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(bin.count);
    bin.mean_predicted /= n, bin.observed /= n;
  }
  return curve;
}

double expected_calibration_error(std::span<const ReliabilityBin> bins) {
  double sum = 0, all = 0;
  for (const auto& bin : bins) {
    if (bin.count == 0) continue;
    sum += static_cast<double>(bin.count) * std::abs(bin.observed - bin.mean_predicted);
    all += static_cast<double>(bin.count);
  }
  return all > 0 ? sum / all : std::numeric_limits<double>::quiet_NaN();
}

double brier_score(std::span<const double> probabilities, int64_t label) {
  double sum = 0;
  for (size_t c = 0; c < probabilities.size(); ++c) {
    const double miss = probabilities[c] - (static_cast<int64_t>(c) == label ? 1.0 : 0.0);
    sum += miss * miss;
  }
  return probabilities.size() == 2 ? sum / 2 : sum;
}

}  // namespace defound
