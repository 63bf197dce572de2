#include "defound/image/image_io.h"

#include <algorithm>

#include "codecs.h"
#include "defound/core/error.h"
#include "defound/image/geometry.h"
#include "defound/image/image_header.h"

namespace defound {

Image decode_reduced(std::string_view bytes, const std::string& origin, int64_t reduction) {
  const ImageHeader header = read_image_header(bytes, origin);
  switch (header.format) {
    case ImageFormat::kJpeg: return orient(decode_jpeg(bytes, origin, reduction), header.orientation);
    case ImageFormat::kPng: return decode_png(bytes, origin);
    default: return decode_other(bytes, origin);
  }
}

Image decode_image(std::string_view bytes, const std::string& origin, int64_t shortest_needed) {
  if (shortest_needed <= 0) return decode_reduced(bytes, origin, 1);
  const ImageHeader header = read_image_header(bytes, origin);
  const auto shorter = static_cast<double>(std::min(header.width, header.height)), needed = static_cast<double>(shortest_needed);
  return decode_reduced(bytes, origin, reduction_for(header.format, shorter, shorter, needed, needed));
}

Image read_image(const fs::path& path, int64_t shortest_needed) { return decode_image(read_text(path), path.string(), shortest_needed); }

void write_image(const fs::path& path, const Image& image) {
  const std::string extension = path.extension().string();
  if (extension == ".png") return write_atomic(path, encode_png(image));
  if (extension == ".jpg" || extension == ".jpeg") return write_atomic(path, encode_jpeg(image));
  reject("cannot write {}: images are written as .png, .jpg or .jpeg", path.string());
}

}  // namespace defound
