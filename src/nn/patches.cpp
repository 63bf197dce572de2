#include "defound/nn/patches.h"

#include "defound/core/error.h"

namespace defound {

torch::Tensor patchify(const torch::Tensor& images, int64_t patch_size) {
  const int64_t n = images.size(0), channels = images.size(1), height = images.size(2), width = images.size(3), p = patch_size;
  if (height % p != 0 || width % p != 0) fail("patchify: {} x {} pixels are no multiple of the patch size {}", height, width, p);
  return images.reshape({n, channels, height / p, p, width / p, p})   // [N, C, H/P, P, W/P, P]
      .permute({0, 2, 4, 3, 5, 1})                                    // [N, H/P, W/P, P, P, C]
      .reshape({n, (height / p) * (width / p), p * p * channels});    // [N, L, P*P*C]
}

torch::Tensor unpatchify(const torch::Tensor& patches, int64_t patch_size, int64_t height) {
  const int64_t n = patches.size(0), p = patch_size, rows = height / p, columns = rows > 0 ? patches.size(1) / rows : 0;
  const int64_t channels = patches.size(2) / (p * p);
  if (rows * columns != patches.size(1) || channels * p * p != patches.size(2) || rows * p != height)
    fail("unpatchify: {} patches of {} values do not make an image of height {} with patches of {}", patches.size(1), patches.size(2), height, p);
  return patches.reshape({n, rows, columns, p, p, channels})          // [N, H/P, W/P, P, P, C]
      .permute({0, 5, 1, 3, 2, 4})                                    // [N, C, H/P, P, W/P, P]
      .reshape({n, channels, rows * p, columns * p});                 // [N, C, H, W]
}

}  // namespace defound
