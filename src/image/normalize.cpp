#include "defound/image/normalize.h"

#include <algorithm>
#include <cmath>

#include "defound/core/error.h"

namespace defound {
namespace {

using Table = std::array<float, 256>;  // what each pixel value becomes

std::array<Table, 3> value_tables(const ChannelValues& mean, const ChannelValues& std) {
  std::array<Table, 3> tables;
  for (size_t c = 0; c < 3; ++c)
    for (size_t value = 0; value < 256; ++value) tables[c][value] = (static_cast<float>(value) / 255.0F - mean[c]) / std[c];
  return tables;
}

}  // namespace

torch::Tensor normalize(const Image& image, const ChannelValues& mean, const ChannelValues& std) {
  const std::array<Table, 3> tables = value_tables(mean, std);
  torch::Tensor result = torch::empty({3, image.height, image.width}, torch::kFloat32);
  const int64_t count = image.width * image.height;
  float* red = result.data_ptr<float>();
  float *green = red + count, *blue = green + count;
  const uint8_t* pixel = image.pixels.data();
  for (int64_t i = 0; i < count; ++i, pixel += 3) {
    red[i] = tables[0][pixel[0]];
    green[i] = tables[1][pixel[1]];
    blue[i] = tables[2][pixel[2]];
  }
  return result;
}

Image denormalize(const torch::Tensor& image, const ChannelValues& mean, const ChannelValues& std) {
  if (image.dim() != 3 || image.size(0) != 3) fail("denormalize takes a tensor of 3 x H x W, not of {} dimensions", image.dim());
  const torch::Tensor values = image.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  Image result(values.size(2), values.size(1));
  const int64_t count = result.width * result.height;
  const float* in = values.data_ptr<float>();
  for (int64_t c = 0; c < 3; ++c)
    for (int64_t i = 0; i < count; ++i) {
      const float value = (in[c * count + i] * std[static_cast<size_t>(c)] + mean[static_cast<size_t>(c)]) * 255.0F;
      result.pixels[static_cast<size_t>(3 * i + c)] = static_cast<uint8_t>(std::isfinite(value) ? std::clamp(std::nearbyint(value), 0.0F, 255.0F) : 0.0F);
    }
  return result;
}

}  // namespace defound
