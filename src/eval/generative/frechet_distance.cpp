#include "defound/eval/generative/frechet_distance.h"

#include <limits>

#include "row_counts.h"

namespace defound {
namespace {

struct FeatureMoments {
  torch::Tensor mean;       // [D]
  torch::Tensor deviates;   // [N, D]: deviates' deviates is the covariance
};

FeatureMoments moments_of(const torch::Tensor& features, Counts counts) {
  const torch::Tensor rows = features.to(torch::kFloat64), weights = row_counts(counts, rows);   // [N, D], [N, 1]
  const torch::Tensor total = weights.sum(), mean = (rows * weights).sum(0) / total;
  return {mean, (rows - mean) * (weights / (total - 1)).sqrt()};
}

/// The square root of a symmetric matrix without negative eigenvalues (but for rounding).
torch::Tensor symmetric_root(const torch::Tensor& matrix) {
  const auto [values, vectors] = torch::linalg_eigh(matrix, "L");
  return (vectors * values.clamp_min(0).sqrt()).mm(vectors.t());
}

/// tr (S1 S2)^(1/2), S = deviates' deviates: the roots of the eigenvalues of S1 S2, taken from a symmetric matrix that
/// shares them, the smaller one of two.
double trace_of_root(const torch::Tensor& first, const torch::Tensor& second) {
  if (second.size(0) < first.size(0)) return trace_of_root(second, first);
  const torch::Tensor factor = first.size(0) < first.size(1) ? first : symmetric_root(first.t().mm(first));
  const torch::Tensor products = factor.mm(second.t());
  return torch::linalg_eigvalsh(products.mm(products.t()), "L").clamp_min(0).sqrt().sum().item<double>();
}

}  // namespace

double frechet_distance(const torch::Tensor& first, const torch::Tensor& second, Counts first_counts, Counts second_counts) {
  const torch::NoGradGuard no_grad;
  if (counted_rows(first_counts, first) < 2 || counted_rows(second_counts, second) < 2)
    return std::numeric_limits<double>::quiet_NaN();
  const FeatureMoments one = moments_of(first, first_counts), two = moments_of(second, second_counts);
  const double squares = ((one.mean - two.mean).square().sum() + one.deviates.square().sum() + two.deviates.square().sum())
                             .item<double>();
  return std::max(0.0, squares - 2 * trace_of_root(one.deviates, two.deviates));
}

}  // namespace defound
