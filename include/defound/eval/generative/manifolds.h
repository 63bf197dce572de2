#pragma once
#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "defound/eval/predictions.h"

namespace defound {

/// Shares of one set that lie in the other, with balls around each image that reach to its k-th nearest neighbor in its
/// own set.
///   precision  synthetic images in the ball of any real one; recall: real ones in the ball of any synthetic one
///              (Kynkaanniemi et al., "Improved precision and recall metric", NeurIPS 2019)
///   density    real balls in which a synthetic image lies, over k, on average; coverage: real images in whose ball a
///              synthetic one lies (Naeem et al., "Reliable fidelity and diversity metrics", ICML 2020)
struct ManifoldShares {
  double precision = 0, recall = 0, density = 0, coverage = 0;
};

/// The balls of two sets of features [N, D] and [M, D] and who lies in them, found once (in float64, in blocks of rows), so
/// that resamples are cheap.
class Manifolds {
 public:
  /// Both sets must have more than k rows.
  Manifolds(const torch::Tensor& real, const torch::Tensor& synthetic, int64_t k);
  /// A row counts as often as its entry says. Balls are those of the whole sets; one with count 0 holds nothing.
  ManifoldShares shares(Counts real_counts = {}, Counts synthetic_counts = {}) const;

 private:
  /// For each point the balls that hold it.
  using Memberships = std::vector<std::vector<int32_t>>;
  static Memberships find_members(const torch::Tensor& points, const torch::Tensor& centers,
                                  const torch::Tensor& squared_radii);
  int64_t k_ = 1;
  Memberships real_balls_, synthetic_balls_;   // of each synthetic point, of each real point
};

}  // namespace defound
