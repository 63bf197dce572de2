#include "defound/image/image_ends.h"

#include <array>
#include <fstream>

#include "defound/core/error.h"
#include "defound/image/image_header.h"

namespace defound {

void check_image_ends(const fs::path& path) {
  constexpr std::string_view kJpegEnd("\xFF\xD9", 2), kPngEnd("\0\0\0\0IEND\xAE\x42\x60\x82", 12);  // ITU T.81 B.1.1.3; PNG 11.2.5
  std::ifstream file(path, std::ios::binary);
  if (!file) reject("cannot open {}", path.string());
  std::array<char, 4096> bytes;
  file.read(bytes.data(), bytes.size());
  const ImageFormat format = read_image_header({bytes.data(), static_cast<size_t>(file.gcount())}, path.string()).format;
  if (format != ImageFormat::kJpeg && format != ImageFormat::kPng) return;
  const std::string_view end = format == ImageFormat::kJpeg ? kJpegEnd : kPngEnd;
  file.clear();
  file.seekg(-static_cast<std::streamoff>(end.size()), std::ios::end);
  file.read(bytes.data(), static_cast<std::streamsize>(end.size()));
  if (!file || std::string_view(bytes.data(), end.size()) != end) reject("{} is cut short: its last bytes are not the end of an image", path.string());
}

}  // namespace defound
