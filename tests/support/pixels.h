#pragma once
#include <torch/torch.h>

#include "defound/image/image.h"

namespace defound::testing {

/// [H, W, 3] uint8.
inline torch::Tensor pixels_of(const Image& image) { return torch::tensor(at::ArrayRef<uint8_t>(image.pixels), torch::kUInt8).view({image.height, image.width, 3}); }

inline Image image_of(const torch::Tensor& pixels) {
  Image image(pixels.size(1), pixels.size(0));
  torch::from_blob(image.pixels.data(), pixels.sizes(), torch::kUInt8).copy_(pixels);
  return image;
}

/// Largest difference in levels; 256 when the sizes differ.
inline int64_t largest_difference(const Image& found, const torch::Tensor& expected) {
  const torch::Tensor pixels = pixels_of(found);
  return pixels.sizes() == expected.sizes() ? (pixels.to(torch::kInt32) - expected.to(torch::kInt32)).abs().max().item<int64_t>() : 256;
}

}  // namespace defound::testing
