// Compiled instead of opencv_image_io.cpp with -DDEFOUND_OPENCV=OFF.
#include "defound/core/error.h"
#include "defound/image/image_io.h"

namespace defound {

Image decode_reduced(std::string_view, const std::string& origin, int64_t) {
  reject("cannot decode {}: this build has no OpenCV; build with -DDEFOUND_OPENCV=ON", origin);
}

std::string encode_png(const Image&) { reject("cannot encode a PNG: this build has no OpenCV; build with -DDEFOUND_OPENCV=ON"); }

std::string encode_jpeg(const Image&, int64_t) { reject("cannot encode a JPEG: this build has no OpenCV; build with -DDEFOUND_OPENCV=ON"); }

}  // namespace defound
