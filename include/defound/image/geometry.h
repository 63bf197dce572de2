#pragma once
#include "defound/image/image.h"

namespace defound {

Image flip_horizontal(const Image& image);
Image flip_vertical(const Image& image);

/// The image as displayed, from pixels stored with this EXIF orientation (1..8).
Image orient(Image image, int orientation);

/// Turned by `degrees` counter-clockwise about the center, the same size, nearest pixel, black outside: what
/// torchvision's RandomRotation does to a PIL image (Pillow's 16.16 fixed-point affine transform).
Image rotate(const Image& image, double degrees);

/// ITU-R 601 luma in all three channels, as Pillow's convert("L").
Image grayscale(const Image& image);

}  // namespace defound
