#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "defound/core/random.h"
#include "defound/eval/confidence_intervals.h"
#include "defound/eval/generative/kernel_distance.h"

namespace defound {

struct FidelityOptions {
  int64_t nearest = 5;   ///< k of precision, recall, density and coverage
  KernelSubsets kernel;
  int64_t resamples = 200;
  double level = 0.95;
};

struct FidelityMetric {
  std::string name;   ///< frechet_distance, kernel_distance, precision, recall, density, coverage
  double value = 0;   ///< NaN where undefined
  Interval interval;
};

/// Features [N, D] of a set; patients[n] is "" where an image is a patient of its own.
struct FeatureSet {
  torch::Tensor features;
  std::vector<std::string> patients;
};

/// How near a synthetic set is to a real one. Values are those of the whole sets (kernel_distance: of the subsets).
/// Intervals: patients of the real set and images of the synthetic one are drawn with replacement, each set for itself.
/// All six are biased by the number of different images, of which a resample has fewer, so what counts is the spread:
/// the replicates are moved so that their mean is the value. The kernel distance is resampled on at most 2,000 images of
/// a set. A set with two images or fewer than `nearest` + 1 has no value, or none of the last four.
std::vector<FidelityMetric> fidelity(const FeatureSet& real, const FeatureSet& synthetic, const FidelityOptions& options,
                                     const Draws& draws);

}  // namespace defound
