#pragma once
#include <torch/torch.h>

#include "defound/core/random.h"
#include "defound/eval/predictions.h"

namespace defound {

/// Squared maximum mean discrepancy of two sets of features [N, D] and [M, D] under the kernel (x'y / D + 1)^3, unbiased
/// (Binkowski et al., "Demystifying MMD GANs", ICLR 2018), in float64. The kernel is computed once: N^2 + M^2 + N M numbers.
class KernelDistance {
 public:
  KernelDistance(const torch::Tensor& first, const torch::Tensor& second);
  /// A row counts as often as its entry says; a row is never compared with itself, however often it counts. NaN with
  /// fewer than two different rows on a side.
  double value(Counts first_counts = {}, Counts second_counts = {}) const;

 private:
  torch::Tensor first_, second_, across_;   // [N, N] and [M, M] with zeros on the diagonal, [N, M]
};

/// KID as it is reported: mean and deviation of the distance over `count` subsets of `size` rows of either set, drawn
/// without replacement. Sets that are no larger than `size` are compared whole, once (deviation 0).
struct KernelSubsets {
  int64_t count = 100, size = 1000;
};
struct SubsetDistance {
  double mean = 0, deviation = 0;
};
SubsetDistance kernel_distance(const torch::Tensor& first, const torch::Tensor& second, const KernelSubsets& subsets,
                               const Draws& draws);

}  // namespace defound
