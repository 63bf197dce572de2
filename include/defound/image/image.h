#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace defound {

/// 8-bit RGB pixels, row by row, channels together: pixels[(y * width + x) * 3 + c].
struct Image {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> pixels;

  Image() = default;
  Image(int64_t width, int64_t height, uint8_t value = 0) : width(width), height(height), pixels(static_cast<size_t>(width * height * 3), value) {}
  uint8_t* at(int64_t x, int64_t y) { return &pixels[static_cast<size_t>((y * width + x) * 3)]; }
  const uint8_t* at(int64_t x, int64_t y) const { return &pixels[static_cast<size_t>((y * width + x) * 3)]; }
};

}  // namespace defound
