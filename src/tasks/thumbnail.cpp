#include "thumbnail.h"

#include <algorithm>

#include "defound/data/image_files.h"
#include "defound/image/image_io.h"
#include "defound/image/resize.h"

namespace defound {
namespace {

constexpr int64_t kThumbnailSide = 176;   // pixels of the longer side

}  // namespace

std::string thumbnail(const fs::path& path) {
  const Image image = ImageFiles().image(path, kThumbnailSide);
  const double scale = std::min(1.0,
                                static_cast<double>(kThumbnailSide) / static_cast<double>(std::max(image.width, image.height)));
  const auto side = [&](int64_t pixels) {
    return std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(pixels) * scale + 0.5));
  };
  return encode_png(scale < 1 ? resize(image, side(image.width), side(image.height), Filter::kBilinear) : image);
}

}  // namespace defound
