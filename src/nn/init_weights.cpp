#include "defound/nn/init_weights.h"

#include <cmath>
#include <numeric>

#include "defound/tensor/random_tensor.h"

namespace defound {
namespace {

std::vector<uint64_t> row_ids(const torch::Tensor& tensor) {
  std::vector<uint64_t> ids(static_cast<size_t>(tensor.size(0)));
  std::iota(ids.begin(), ids.end(), uint64_t{0});
  return ids;
}

}  // namespace

void fill_normal(torch::Tensor tensor, double standard_deviation, const Draws& draws) {
  const torch::NoGradGuard no_grad;
  tensor.copy_(random_normal(draws, row_ids(tensor), tensor.sizes().slice(1)).mul_(standard_deviation));
}

void fill_uniform(torch::Tensor tensor, double bound, const Draws& draws) {
  const torch::NoGradGuard no_grad;
  tensor.copy_(random_uniform(draws, row_ids(tensor), tensor.sizes().slice(1)).mul_(2 * bound).sub_(bound));
}

void fill_xavier_uniform(torch::Tensor weight, const Draws& draws) {
  const double fan_out = static_cast<double>(weight.size(0)), fan_in = static_cast<double>(weight.numel()) / fan_out;
  fill_uniform(std::move(weight), std::sqrt(6.0 / (fan_in + fan_out)), draws);
}

}  // namespace defound
