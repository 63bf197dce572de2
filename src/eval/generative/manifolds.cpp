#include "defound/eval/generative/manifolds.h"

#include <algorithm>
#include <limits>

#include "defound/core/error.h"

namespace defound {
namespace {

constexpr int64_t kDistanceRows = 512;   // at a time: bounds the distances in memory

/// Squared distances [rows, N] of rows begin .. end-1 of `points` from all `centers`.
torch::Tensor squared_distances(const torch::Tensor& points, const torch::Tensor& centers) {
  const torch::Tensor products = points.mm(centers.t());
  return (points.square().sum(1, /*keepdim=*/true) - 2 * products + centers.square().sum(1)).clamp_min_(0);
}

template <class Visit>
void for_row_blocks(int64_t rows, Visit visit) {
  for (int64_t begin = 0; begin < rows; begin += kDistanceRows) visit(begin, std::min(rows, begin + kDistanceRows));
}

/// Squared distance of each row from its k-th nearest other row.
torch::Tensor squared_radii(const torch::Tensor& rows, int64_t k) {
  std::vector<torch::Tensor> radii;
  for_row_blocks(rows.size(0), [&](int64_t begin, int64_t end) {
    torch::Tensor distances = squared_distances(rows.slice(0, begin, end), rows);
    distances.diagonal(begin).fill_(std::numeric_limits<double>::infinity());
    radii.push_back(std::get<0>(distances.kthvalue(k, 1)));
  });
  return torch::cat(radii);
}

int64_t times(Counts counts, size_t row) { return counts.empty() ? 1 : counts[row]; }

/// What the points of one set find in the other.
struct Membership {
  double points = 0, inside = 0, balls = 0;   ///< counted; those in any ball; balls around them
};
Membership count_memberships(const std::vector<std::vector<int32_t>>& balls_of, Counts points, Counts balls) {
  Membership sum;
  for (size_t point = 0; point < balls_of.size(); ++point) {
    const auto weight = static_cast<double>(times(points, point));
    int64_t around = 0;
    for (const int32_t ball : balls_of[point]) around += times(balls, static_cast<size_t>(ball));
    sum.points += weight, sum.balls += weight * static_cast<double>(around);
    if (around > 0) sum.inside += weight;
  }
  return sum;
}

}  // namespace

Manifolds::Memberships Manifolds::find_members(const torch::Tensor& points, const torch::Tensor& centers,
                                               const torch::Tensor& radii) {
  Memberships found(static_cast<size_t>(points.size(0)));
  for_row_blocks(points.size(0), [&](int64_t begin, int64_t end) {
    const torch::Tensor inside = (squared_distances(points.slice(0, begin, end), centers) <= radii)
                                     .nonzero()
                                     .to(torch::kCPU)
                                     .contiguous();   // [pairs, 2]
    const auto pair = inside.accessor<int64_t, 2>();
    for (int64_t i = 0; i < inside.size(0); ++i)
      found[static_cast<size_t>(begin + pair[i][0])].push_back(static_cast<int32_t>(pair[i][1]));
  });
  return found;
}

Manifolds::Manifolds(const torch::Tensor& real, const torch::Tensor& synthetic, int64_t k) : k_(k) {
  if (real.size(0) <= k || synthetic.size(0) <= k)
    fail("manifolds: {} real and {} synthetic rows; more than k = {} are needed", real.size(0), synthetic.size(0), k);
  const torch::NoGradGuard no_grad;
  const torch::Tensor mean = real.to(torch::kFloat64).mean(0);   // close to the origin distances lose fewer digits
  const torch::Tensor reals = real.to(torch::kFloat64) - mean, made = synthetic.to(torch::kFloat64) - mean;
  real_balls_ = find_members(made, reals, squared_radii(reals, k));
  synthetic_balls_ = find_members(reals, made, squared_radii(made, k));
}

ManifoldShares Manifolds::shares(Counts real_counts, Counts synthetic_counts) const {
  const Membership made = count_memberships(real_balls_, synthetic_counts, real_counts);
  const Membership reals = count_memberships(synthetic_balls_, real_counts, synthetic_counts);
  std::vector<uint8_t> covered(synthetic_balls_.size(), 0);
  for (size_t point = 0; point < real_balls_.size(); ++point)
    if (times(synthetic_counts, point) > 0)
      for (const int32_t ball : real_balls_[point]) covered[static_cast<size_t>(ball)] = 1;
  double held = 0;
  for (size_t ball = 0; ball < covered.size(); ++ball) held += covered[ball] * static_cast<double>(times(real_counts, ball));
  return {made.inside / made.points, reals.inside / reals.points, made.balls / (static_cast<double>(k_) * made.points),
          held / reals.points};
}

}  // namespace defound
