// Compiled instead of opencv_decoder.cpp with -DDEFOUND_OPENCV=OFF.
#include "codecs.h"
#include "defound/core/error.h"

namespace defound {

Image decode_other(std::string_view, const std::string& origin) {
  reject("cannot decode {}: this build has no OpenCV and reads JPEG and PNG only; convert it to PNG, or build with -DDEFOUND_OPENCV=ON", origin);
}

}  // namespace defound
