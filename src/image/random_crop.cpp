#include "defound/image/random_crop.h"

#include <cmath>

namespace defound {
namespace {
int64_t rounded(double value) { return static_cast<int64_t>(std::nearbyint(value)); }  // half to even, as Python's round
}  // namespace

Window random_resized_crop(int64_t width, int64_t height, Range scale, Range ratio, RandomStream& stream) {
  const double area = static_cast<double>(width) * static_cast<double>(height);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = area * stream.uniform(scale.low, scale.high);
    const double aspect = std::exp(stream.uniform(std::log(ratio.low), std::log(ratio.high)));
    const int64_t w = rounded(std::sqrt(target * aspect)), h = rounded(std::sqrt(target / aspect));
    if (w < 1 || w > width || h < 1 || h > height) continue;
    const auto top = static_cast<int64_t>(stream.below(static_cast<uint64_t>(height - h + 1)));
    const auto left = static_cast<int64_t>(stream.below(static_cast<uint64_t>(width - w + 1)));
    return {left, top, w, h};
  }
  int64_t w = width, h = height;
  const double aspect = static_cast<double>(width) / static_cast<double>(height);
  if (aspect < ratio.low) h = rounded(static_cast<double>(width) / ratio.low);
  if (aspect > ratio.high) w = rounded(static_cast<double>(height) * ratio.high);
  return {(width - w) / 2, (height - h) / 2, w, h};
}

Window shorter_side_to(int64_t width, int64_t height, int64_t size) {
  if (width <= height) return {0, 0, size, size * height / width};
  return {0, 0, size * width / height, size};
}

Window center_crop(int64_t width, int64_t height, int64_t size) {
  return {rounded(static_cast<double>(width - size) / 2), rounded(static_cast<double>(height - size) / 2), size, size};
}

}  // namespace defound
