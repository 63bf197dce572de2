#include "defound/eval/memorization/local_contrast.h"

#include <cmath>

namespace defound {
namespace {

constexpr double kContrastFloor = 0.02;   // flat regions stay flat
constexpr float kDarkest = 0.06F,
                kBrightest = 0.97F;   // beyond lies the camera: the surroundings of the disc, overexposed parts
constexpr double kRim = 0.02;         // of the side: so near to that nothing counts

/// A Gaussian blur as a matrix [n, n] for one side; rows near the border sum to 1 too.
torch::Tensor blur_matrix(int64_t n, double sigma, const torch::TensorOptions& options) {
  const torch::Tensor at = torch::arange(n, options);
  const torch::Tensor distance = at.unsqueeze(1) - at.unsqueeze(0);
  const torch::Tensor weights =
      (distance.square() / (-2 * sigma * sigma)).exp().masked_fill(distance.abs() > std::ceil(3 * sigma), 0);
  return weights / weights.sum(1, /*keepdim=*/true);
}

}  // namespace

torch::Tensor blurred(const torch::Tensor& images, double sigma) {
  const torch::Tensor down = blur_matrix(images.size(1), sigma, images.options());
  return down.matmul(images).matmul(blur_matrix(images.size(2), sigma, images.options()).t());
}

torch::Tensor local_contrast(const torch::Tensor& images, double sigma) {
  const torch::Tensor shown = ((images > kDarkest) & (images < kBrightest)).to(images.scalar_type());
  const torch::Tensor weight = blurred(shown, sigma) + 1e-4;
  const torch::Tensor apart = (images - blurred(images * shown, sigma) / weight) * shown;
  const torch::Tensor contrast = apart / ((blurred(apart.square(), sigma) / weight).sqrt() + kContrastFloor);
  return contrast * (blurred(shown, kRim * static_cast<double>(images.size(2))) > 0.97);
}

}  // namespace defound
