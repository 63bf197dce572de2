#include "defound/eval/memorization/local_contrast.h"

#include <cmath>

namespace defound {
namespace {

constexpr double kContrastFloor = 0.02;   // flat regions stay flat

/// A Gaussian blur as a matrix [n, n] for one side; rows near the border sum to 1 too.
torch::Tensor blur_matrix(int64_t n, double sigma, const torch::TensorOptions& options) {
  const torch::Tensor at = torch::arange(n, options);
  const torch::Tensor distance = at.unsqueeze(1) - at.unsqueeze(0);
  const torch::Tensor weights = (distance.square() / (-2 * sigma * sigma)).exp().masked_fill(distance.abs() > std::ceil(3 * sigma), 0);
  return weights / weights.sum(1, /*keepdim=*/true);
}

}  // namespace

torch::Tensor local_contrast(const torch::Tensor& images, double sigma) {
  const torch::Tensor down = blur_matrix(images.size(1), sigma, images.options()), across = blur_matrix(images.size(2), sigma, images.options()).t();
  const auto blur = [&](const torch::Tensor& values) { return down.matmul(values).matmul(across); };
  const torch::Tensor apart = images - blur(images);
  return apart / (blur(apart.square()).clamp_min(0).sqrt() + kContrastFloor);
}

}  // namespace defound
