#pragma once
#include <torch/torch.h>

#include <array>

#include "defound/image/image.h"

namespace defound {

/// One number a channel (red, green, blue), for pixels in 0..1.
using ChannelValues = std::array<float, 3>;
constexpr ChannelValues kImageNetMean{0.485F, 0.456F, 0.406F}, kImageNetStd{0.229F, 0.224F, 0.225F};

/// (pixels / 255 - mean) / std as [3, H, W] fp32: torchvision's ToTensor and Normalize, bit for bit.
torch::Tensor normalize(const Image& image, const ChannelValues& mean, const ChannelValues& std);

/// The way back: [3, H, W] (any float type, CPU) to 8-bit pixels, rounded and cut to 0..255.
Image denormalize(const torch::Tensor& image, const ChannelValues& mean, const ChannelValues& std);

}  // namespace defound
