#include "defound/image/geometry.h"

#include <cmath>
#include <cstring>
#include <numbers>

namespace defound {
namespace {

/// Out pixel (x, y) is image pixel (from(x, y)).
template <class From>
Image rearrange(const Image& image, int64_t width, int64_t height, From from) {
  Image result(width, height);
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x) {
      const auto [in_x, in_y] = from(x, y);
      std::memcpy(result.at(x, y), image.at(in_x, in_y), 3);
    }
  return result;
}

using Point = std::pair<int64_t, int64_t>;
int64_t floor_fixed(double value) { return static_cast<int64_t>(std::floor(value * 65536.0 + 0.5)); }
double round15(double value) { return std::round(value * 1e15) / 1e15; }  // Pillow rounds its matrix so, so that 90 degrees are exact

}  // namespace

Image flip_horizontal(const Image& image) {
  const int64_t last = image.width - 1;
  return rearrange(image, image.width, image.height, [last](int64_t x, int64_t y) { return Point(last - x, y); });
}

Image flip_vertical(const Image& image) {
  Image result(image.width, image.height);
  const auto row = static_cast<size_t>(image.width * 3);
  for (int64_t y = 0; y < image.height; ++y) std::memcpy(result.pixels.data() + static_cast<size_t>(y) * row, image.at(0, image.height - 1 - y), row);
  return result;
}

Image orient(Image image, int orientation) {
  const int64_t w = image.width, h = image.height;
  switch (orientation) {
    case 2: return flip_horizontal(image);
    case 3: return rearrange(image, w, h, [=](int64_t x, int64_t y) { return Point(w - 1 - x, h - 1 - y); });
    case 4: return flip_vertical(image);
    case 5: return rearrange(image, h, w, [](int64_t x, int64_t y) { return Point(y, x); });
    case 6: return rearrange(image, h, w, [=](int64_t x, int64_t y) { return Point(y, h - 1 - x); });
    case 7: return rearrange(image, h, w, [=](int64_t x, int64_t y) { return Point(w - 1 - y, h - 1 - x); });
    case 8: return rearrange(image, h, w, [=](int64_t x, int64_t y) { return Point(w - 1 - y, x); });
    default: return image;
  }
}

Image rotate(const Image& image, double degrees) {
  const int64_t w = image.width, h = image.height;
  double turn = std::fmod(degrees, 360.0);
  if (turn < 0) turn += 360.0;
  if (turn == 0) return image;
  if (turn == 180) return orient(image, 3);
  if (turn == 90 && w == h) return orient(image, 8);
  if (turn == 270 && w == h) return orient(image, 6);
  const double angle = -turn * std::numbers::pi / 180.0;
  const double a = round15(std::cos(angle)), b = round15(std::sin(angle)), d = round15(-std::sin(angle)), e = a;
  const double center_x = static_cast<double>(w) / 2, center_y = static_cast<double>(h) / 2;
  const double c = a * -center_x + b * -center_y + center_x, f = d * -center_x + e * -center_y + center_y;
  // where the center of an output pixel lies in the input, in 1/65536 pixels
  const int64_t step_xx = floor_fixed(a), step_xy = floor_fixed(b), step_yx = floor_fixed(d), step_yy = floor_fixed(e);
  int64_t row_x = floor_fixed(c + a * 0.5 + b * 0.5), row_y = floor_fixed(f + d * 0.5 + e * 0.5);
  Image result(w, h);
  for (int64_t y = 0; y < h; ++y, row_x += step_xy, row_y += step_yy) {
    uint8_t* out = result.at(0, y);
    int64_t in_x = row_x, in_y = row_y;
    for (int64_t x = 0; x < w; ++x, in_x += step_xx, in_y += step_yx, out += 3) {
      const int64_t from_x = in_x >> 16, from_y = in_y >> 16;
      if (from_x >= 0 && from_x < w && from_y >= 0 && from_y < h) std::memcpy(out, image.at(from_x, from_y), 3);
    }
  }
  return result;
}

Image grayscale(const Image& image) {
  Image result(image.width, image.height);
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    const uint32_t luma = image.pixels[i] * 19595U + image.pixels[i + 1] * 38470U + image.pixels[i + 2] * 7471U + 0x8000U;
    result.pixels[i] = result.pixels[i + 1] = result.pixels[i + 2] = static_cast<uint8_t>(luma >> 16);
  }
  return result;
}

}  // namespace defound
