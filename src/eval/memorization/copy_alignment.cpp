#include "defound/eval/memorization/copy_alignment.h"

#include <algorithm>

#include "defound/eval/memorization/copy_windows.h"
#include "defound/eval/memorization/local_contrast.h"

namespace defound {
namespace {

constexpr int64_t kBilinearMode = 0, kBorderMode = 1;   // at::native::detail::GridSamplerInterpolation, GridSamplerPadding
constexpr double kAlignSigma = 0.08, kMeasuredSigma = 4.0 / 64;   // of the side
/// A copy is looked for under several smoothings, since generators add grain and lose detail. Real images of other patients
/// come nearer to 1 the more they are smoothed; the weights, found on fundus photographs and chest X-rays, make up for it.
struct Smoothing {
  double sigma, weight;   // sigma: of the side
};
constexpr Smoothing kSmoothings[] = {{1.0 / 64, 1.0}, {2.0 / 64, 1.6}, {3.0 / 64, 2.3}};
constexpr double kLeastScale = 0.55, kMostScale = 1.25, kLeastShown = 0.6;
constexpr double kMostStep = 1.5;   // pixels that a window's side may move at a time
constexpr int64_t kMeasuredSide = 64;
constexpr double kPlainDifference = 0.04;   // of the gray range
struct AlignLevel {
  int64_t side, steps;
};
constexpr AlignLevel kLevels[] = {{24, 6}, {48, 5}};

torch::Tensor shrink(const torch::Tensor& images, int64_t side) {
  if (side >= images.size(1)) return images;
  return at::_upsample_bilinear2d_aa(images.unsqueeze(1), {side, side}, /*align_corners=*/false).squeeze(1);
}

/// The windows of the references as pictures, and 1 where they lie inside of these.
struct CutOut {
  torch::Tensor pictures, inside;   // [N, side, side]
};

CutOut cut_out(const torch::Tensor& references, const torch::Tensor& windows, int64_t side) {
  const torch::Tensor at = (torch::arange(side, windows.options()) + 0.5) / static_cast<double>(side);   // [side]
  const torch::Tensor across = (windows.slice(1, 0, 1) + windows.slice(1, 2, 3) * at) * 2 - 1;           // [N, side], -1..1
  const torch::Tensor down = (windows.slice(1, 1, 2) + windows.slice(1, 3, 4) * at) * 2 - 1;
  const torch::Tensor places = torch::stack(
      {across.unsqueeze(1).expand({-1, side, -1}), down.unsqueeze(2).expand({-1, -1, side})}, -1);
  const torch::Tensor inside = (across.abs() < 1).unsqueeze(1) & (down.abs() < 1).unsqueeze(2);
  const torch::Tensor cut = torch::grid_sampler(references.unsqueeze(1), places, kBilinearMode, kBorderMode, /*align_corners=*/false);
  return {cut.squeeze(1), inside.to(references.scalar_type())};
}

/// Mean 0 and length 1 over what is inside; 0 outside.
torch::Tensor unit_length(const torch::Tensor& pictures, const torch::Tensor& inside) {
  const torch::Tensor values = pictures.flatten(1), mask = inside.flatten(1);
  const torch::Tensor mean = (values * mask).sum(1, /*keepdim=*/true) / mask.sum(1, /*keepdim=*/true).clamp_min(1);
  const torch::Tensor centered = (values - mean) * mask;
  return centered / (centered.norm(2, {1}, /*keepdim=*/true) + 1e-6);
}

/// How the pictures [N, side, side] change with left, top, width and height of their windows: [N, 4, side x side].
torch::Tensor window_gradients(const torch::Tensor& pictures, const torch::Tensor& windows) {
  const int64_t side = pictures.size(1);
  const double per_share = static_cast<double>(side) / 2;
  torch::Tensor across = torch::zeros_like(pictures), down = torch::zeros_like(pictures);
  across.slice(2, 1, side - 1).copy_((pictures.slice(2, 2) - pictures.slice(2, 0, side - 2)) * per_share);
  down.slice(1, 1, side - 1).copy_((pictures.slice(1, 2) - pictures.slice(1, 0, side - 2)) * per_share);
  across /= windows.slice(1, 2, 3).unsqueeze(2), down /= windows.slice(1, 3, 4).unsqueeze(2);
  const torch::Tensor at = (torch::arange(side, pictures.options()) + 0.5) / static_cast<double>(side);
  return torch::stack({across, down, across * at, down * at.unsqueeze(1)}, 1).flatten(2);
}

/// One Gauss-Newton step on |wanted - picture|^2, both of length 1.
torch::Tensor improved(const torch::Tensor& windows, const torch::Tensor& contrast, const torch::Tensor& references) {
  const int64_t side = contrast.size(1);
  const CutOut cut = cut_out(references, windows, side);
  const torch::Tensor found = local_contrast(cut.pictures, kAlignSigma * static_cast<double>(side));
  const torch::Tensor wanted = unit_length(contrast, cut.inside), have = unit_length(found, cut.inside),
                      mask = cut.inside.flatten(1);
  const torch::Tensor length = (found.flatten(1) * mask).norm(2, {1}).clamp_min(1e-6).view({-1, 1, 1});
  torch::Tensor slopes = window_gradients(found, windows) * mask.unsqueeze(1) / length;   // [N, 4, P]
  slopes = slopes -
           (slopes * have.unsqueeze(1)).sum(2, /*keepdim=*/true) * have.unsqueeze(1);   // a change of length changes nothing
  const torch::Tensor normal = slopes.matmul(slopes.transpose(1, 2));                   // [N, 4, 4]
  const torch::Tensor damping = 0.01 * normal.diagonal(0, 1, 2).mean(1) + 1e-6;
  const torch::Tensor system = normal + torch::eye(4, normal.options()) * damping.view({-1, 1, 1});
  const double most = kMostStep / static_cast<double>(side);
  const torch::Tensor step =
      torch::linalg_solve(system, slopes.matmul((wanted - have).unsqueeze(2)), /*left=*/true).squeeze(2).clamp(-most, most);
  const torch::Tensor moved = windows + step;
  return torch::cat({moved.slice(1, 0, 2), moved.slice(1, 2, 4).clamp(kLeastScale, kMostScale)}, 1);
}

/// The correlation of local contrast, or what the plain difference of the pixels says, if that is more: pictures with hardly
/// anything to see (a blurred fundus) have no contrast to tell a copy by, but a copy has their very pixels.
torch::Tensor similarity_of(const torch::Tensor& queries, const torch::Tensor& references, const torch::Tensor& windows) {
  const auto side = static_cast<double>(kMeasuredSide);
  const CutOut cut = cut_out(references, windows, kMeasuredSide);
  const torch::Tensor whole = torch::tensor({0.0F, 0.0F, 1.0F, 1.0F}, windows.options()).expand_as(windows);
  const torch::Tensor asked = cut_out(queries, whole, kMeasuredSide).pictures;   // sampled as the references are
  const torch::Tensor shown = cut.inside.mean({1, 2});
  torch::Tensor similarity = torch::zeros_like(shown);
  for (const Smoothing& smoothing : kSmoothings) {
    const torch::Tensor query = blurred(asked, smoothing.sigma * side), reference = blurred(cut.pictures, smoothing.sigma * side);
    const torch::Tensor wanted = local_contrast(query, kMeasuredSigma * side), have = local_contrast(reference, kMeasuredSigma * side);
    const torch::Tensor alike = (unit_length(wanted, cut.inside) * unit_length(have, cut.inside)).sum(1);
    similarity = torch::maximum(similarity, 1 - smoothing.weight * (1 - alike));
  }
  const torch::Tensor apart = (((asked - cut.pictures) * cut.inside).square().mean({1, 2}) / shown.clamp_min(1e-6)).sqrt();
  return torch::maximum(similarity, 1 - apart / kPlainDifference).clamp_max(1) * (shown >= kLeastShown);
}

}  // namespace

CopyAlignment align_copies(const torch::Tensor& queries, const torch::Tensor& references, const torch::Tensor& windows) {
  const torch::NoGradGuard no_grad;
  torch::Tensor best = windows.to(torch::kFloat);
  for (const AlignLevel& level : kLevels) {
    const torch::Tensor contrast = local_contrast(shrink(queries, level.side), kAlignSigma * static_cast<double>(level.side));
    const torch::Tensor smaller = shrink(references, level.side * 4 / 3);   // as fine as a window of 3/4 of the side shows
    for (int64_t step = 0; step < level.steps; ++step) best = improved(best, contrast, smaller);
  }
  const torch::Tensor first = windows.to(torch::kFloat);   // where there is little to see, steps may lead astray
  const torch::Tensor before = similarity_of(queries, references, first), after = similarity_of(queries, references, best);
  return {torch::where((before > after).unsqueeze(1), first, best), torch::maximum(before, after)};
}

}  // namespace defound
