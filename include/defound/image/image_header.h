#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace defound {

enum class ImageFormat { kJpeg, kPng, kTiff, kBmp, kWebp };

/// What a file says of itself before any pixel is decoded.
struct ImageHeader {
  ImageFormat format = ImageFormat::kJpeg;
  int64_t width = 0, height = 0;   ///< in pixels, as displayed (after `orientation`)
  int orientation = 1;             ///< EXIF (JEITA CP-3451, tag 0x0112): 1..8; read from JPEG files
};

/// Rejects (exit 2), naming `origin`: bytes of another format, a header cut short, more than 2^28 pixels.
ImageHeader read_image_header(std::string_view bytes, const std::string& origin);

/// The chunks of a PNG that pixels need; rejects a wrong checksum and a missing end. Profiles and texts are left out:
/// decoders talk about them on stderr.
std::string essential_png(std::string_view bytes, const std::string& origin);

/// The largest of 1, 2, 4, 8 that leaves width x height at least at the needed size; 1 for all but JPEG.
int64_t reduction_for(ImageFormat format, double width, double height, double needed_width, double needed_height);

}  // namespace defound
