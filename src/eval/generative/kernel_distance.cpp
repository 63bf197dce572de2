#include "defound/eval/generative/kernel_distance.h"

#include <cmath>
#include <limits>

#include "row_counts.h"

namespace defound {
namespace {

torch::Tensor cubic_kernel(const torch::Tensor& first, const torch::Tensor& second) {
  return (first.mm(second.t()) / static_cast<double>(first.size(1)) + 1).pow(3);
}

/// Mean of the kernel over pairs of different rows, both drawn by their counts.
torch::Tensor mean_within(const torch::Tensor& kernel, const torch::Tensor& counts) {
  return counts.t().mm(kernel.mm(counts)).squeeze() / (counts.sum().square() - counts.square().sum());
}

/// `size` rows of `rows`, without replacement.
torch::Tensor drawn_rows(const torch::Tensor& rows, int64_t size, const Draws& draws, int64_t subset) {
  std::vector<int64_t> order = permutation(rows.size(0), draws, subset);
  order.resize(static_cast<size_t>(std::min(size, rows.size(0))));
  return rows.index_select(0, torch::tensor(order).to(rows.device()));
}

}  // namespace

KernelDistance::KernelDistance(const torch::Tensor& first, const torch::Tensor& second) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor one = first.to(torch::kFloat64), two = second.to(torch::kFloat64);
  first_ = cubic_kernel(one, one).fill_diagonal_(0);
  second_ = cubic_kernel(two, two).fill_diagonal_(0);
  across_ = cubic_kernel(one, two);
}

double KernelDistance::value(Counts first_counts, Counts second_counts) const {
  const torch::NoGradGuard no_grad;
  const torch::Tensor one = row_counts(first_counts, first_), two = row_counts(second_counts, second_);
  if (one.count_nonzero().item<int64_t>() < 2 || two.count_nonzero().item<int64_t>() < 2)
    return std::numeric_limits<double>::quiet_NaN();
  const torch::Tensor across = one.t().mm(across_.mm(two)).squeeze() / (one.sum() * two.sum());
  return (mean_within(first_, one) + mean_within(second_, two) - 2 * across).item<double>();
}

SubsetDistance kernel_distance(const torch::Tensor& first, const torch::Tensor& second, const KernelSubsets& subsets,
                               const Draws& draws) {
  const bool whole = first.size(0) <= subsets.size && second.size(0) <= subsets.size;
  if (whole) return {KernelDistance(first, second).value(), 0};
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < subsets.count; ++i) {
    const double value = KernelDistance(drawn_rows(first, subsets.size, draws.purpose("first"), i),
                                        drawn_rows(second, subsets.size, draws.purpose("second"), i))
                             .value();
    sum += value, squares += value * value;
  }
  const auto n = static_cast<double>(subsets.count);
  return {sum / n, std::sqrt(std::max(0.0, squares / n - sum / n * sum / n))};
}

}  // namespace defound
