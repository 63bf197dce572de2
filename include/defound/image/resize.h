#pragma once
#include "defound/image/image.h"

namespace defound {

enum class Filter { kBilinear, kBicubic };

/// A part of an image; a fraction of a pixel where the image was decoded smaller than the crop was drawn for.
struct Box {
  double left = 0, top = 0, width = 0, height = 0;
};

/// A part of the result, in whole pixels.
struct Window {
  int64_t left = 0, top = 0, width = 0, height = 0;
};

/// Antialiased resize to width x height, as Pillow does it: two passes, horizontal first, 22-bit fixed-point weights,
/// bicubic with a = -0.5, the filter widened when shrinking (Pillow's src/libImaging/Resample.c).
Image resize(const Image& image, int64_t width, int64_t height, Filter filter);

/// resize of the `box` of an image (pixels outside the box have no influence, as after a crop), of which only the
/// `window` is computed.
Image resize(const Image& image, const Box& box, int64_t width, int64_t height, Filter filter, const Window& window);

}  // namespace defound
