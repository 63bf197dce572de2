#pragma once
#include <cstdint>
#include <vector>

#include "defound/image/resize.h"

namespace defound {

/// Along one axis: output pixel i is the sum of weights[i * taps + t] * input[first[i] + t] over t < count[i].
struct FilterWeights {
  static constexpr int kBits = 22;      ///< weights are integers, 2^22 is one
  int64_t taps = 0;
  std::vector<int32_t> first, count, weights;
};

/// Weights for outputs window_begin .. window_begin + window_size of `out_size` that cover begin .. begin + length.
FilterWeights filter_weights(double begin, double length, int64_t out_size, int64_t window_begin, int64_t window_size, Filter filter);

}  // namespace defound
