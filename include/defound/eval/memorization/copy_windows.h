#pragma once
#include <torch/torch.h>

#include <vector>

namespace defound {

/// Side in pixels of the gray pictures that copies are looked for in: every image is squeezed to this square, so that a
/// part of an image in another shape is a window whose two sides are scaled differently.
constexpr int64_t kCopySide = 96;

/// The part of a reference image that a copy may show, in shares of its sides; it reaches beyond them where the copy was
/// shifted and its border filled.
struct CopyWindow {
  double left = 0, top = 0, width = 1, height = 1;
};

/// The windows that are tried first, the whole image at the front: sides of 1, 0.94, ... 0.7 at steps of 0.06 with at least
/// 57 % of the area, and the whole image shifted by up to 0.12. Alignment (copy_alignment.h) does the rest.
const std::vector<CopyWindow>& copy_windows();

/// A picture of few numbers for each window of each image [N, 96, 96] (0..1): its local contrast averaged over a grid of
/// 16 x 16 cells, mean 0 and length 1, so that products are correlations: [N, windows, 256]; of the whole image [N, 256].
torch::Tensor window_descriptors(const torch::Tensor& images);
torch::Tensor whole_descriptors(const torch::Tensor& images);

}  // namespace defound
