#include "defound/eval/memorization/copy_threshold.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "defound/core/error.h"
#include "defound/core/random.h"
#include "defound/eval/delong.h"

namespace defound {
namespace {

/// What a share `rate` of a normal distribution exceeds, fitted to the correlations by Fisher's transformation.
double normal_bound(const std::vector<double>& correlations, double rate) {
  const auto n = static_cast<double>(correlations.size());
  double sum = 0, squares = 0;
  for (const double correlation : correlations) {
    const double z = std::atanh(std::clamp(correlation, -0.999, 0.999));
    sum += z, squares += z * z;
  }
  const double deviation = std::sqrt(std::max(0.0, squares / n - sum / n * sum / n));
  return std::tanh(sum / n + normal_quantile(1 - rate) * deviation);
}

}  // namespace

CopyThreshold copy_threshold(std::vector<double> similarities, double rate) {
  if (similarities.empty()) fail("the threshold of a copy needs real images of two patients");
  std::sort(similarities.begin(), similarities.end());
  const auto n = static_cast<int64_t>(similarities.size());
  const auto rank = static_cast<int64_t>(std::ceil(static_cast<double>(n + 1) * (1 - rate) - 1e-9));
  const double ranked = similarities[static_cast<size_t>(std::clamp<int64_t>(rank, 1, n) - 1)];
  return {std::max(ranked, normal_bound(similarities, rate / 2)), n};
}

std::vector<uint8_t> patient_halves(std::span<const int64_t> patients, uint64_t seed) {
  std::map<int64_t, uint8_t> half;
  for (const int64_t patient : patients) half[patient] = 0;
  const std::vector<int64_t> order = permutation(static_cast<int64_t>(half.size()), Draws(seed, "audit.halves"), 0);
  size_t i = 0;
  for (auto& [patient, which] : half) which = static_cast<uint8_t>(order[i++] % 2);
  std::vector<uint8_t> out;
  for (const int64_t patient : patients) out.push_back(half[patient]);
  return out;
}

}  // namespace defound
