#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace defound {

/// Where a similarity begins to mean a copy.
struct CopyThreshold {
  double value = 0;     ///< a copy is more alike than this
  int64_t images = 0;   ///< real images that it was set on
};

/// The similarity that a share `rate` of real images would exceed with the most similar image of another patient: the
/// ceil((n + 1) (1 - rate))-th of n values (the highest when n is too small), so that a new image exceeds it with at most
/// that chance (split conformal prediction, Vovk et al. 2005). Of few images such a rank is off by a factor; so at least
/// what half the rate gives under a normal distribution of the values' Fisher transforms.
CopyThreshold copy_threshold(std::vector<double> similarities, double rate);

/// Which of two halves each patient belongs to (0 or 1), the same for all their images; drawn from `seed`, even in number.
std::vector<uint8_t> patient_halves(std::span<const int64_t> patients, uint64_t seed);

}  // namespace defound
