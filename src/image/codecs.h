#pragma once
#include <string>
#include <string_view>

#include "defound/image/image.h"

namespace defound {

/// Pixels of a JPEG as stored, at 1/reduction (1, 2, 4, 8) of the size, rounded up. Rejects, naming `origin`, a file that
/// is damaged or ends early.
Image decode_jpeg(std::string_view bytes, const std::string& origin, int64_t reduction);
/// Pixels of a PNG: grays repeated, palettes looked up, alpha dropped, 16 bits scaled by 1/257. Rejects as decode_jpeg().
Image decode_png(std::string_view bytes, const std::string& origin);
/// Pixels of a TIFF, BMP or WebP; rejects all of them in a build without OpenCV.
Image decode_other(std::string_view bytes, const std::string& origin);

}  // namespace defound
