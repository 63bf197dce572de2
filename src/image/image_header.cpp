#include "defound/image/image_header.h"

#include <cstdlib>
#include <optional>

#include "byte_order.h"
#include "defound/core/error.h"
#include "jpeg_markers.h"
#include "png_chunks.h"

namespace defound {
namespace {

constexpr int64_t kMostPixels = int64_t{1} << 28;

std::optional<ImageFormat> recognize(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (bytes.starts_with(kPngSignature)) return ImageFormat::kPng;
  if (bytes.starts_with(std::string_view("II*\0", 4)) || bytes.starts_with(std::string_view("MM\0*", 4))) return ImageFormat::kTiff;
  if (bytes.starts_with("BM")) return ImageFormat::kBmp;
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return ImageFormat::kWebp;
  return std::nullopt;
}

void read_tiff(std::string_view bytes, ImageHeader& header) {  // TIFF 6.0, section 2: tags 256 and 257, SHORT (3) or LONG (4)
  const ByteReader read(bytes, bytes.starts_with("MM"));
  const size_t directory = read.u32(4);
  for (uint32_t i = 0; i < read.u16(directory); ++i) {
    const size_t entry = directory + 2 + 12 * size_t{i};
    const int64_t value = read.u16(entry + 2) == 3 ? read.u16(entry + 8) : read.u32(entry + 8);
    if (read.u16(entry) == 256) header.width = value;
    if (read.u16(entry) == 257) header.height = value;
  }
}

void read_bmp(std::string_view bytes, ImageHeader& header) {  // a negative height: rows from the top
  const ByteReader read(bytes, /*big_endian=*/false);
  const bool old_header = read.u32(14) == 12;
  header.width = old_header ? read.u16(18) : static_cast<int32_t>(read.u32(18));
  header.height = old_header ? read.u16(20) : std::abs(static_cast<int64_t>(static_cast<int32_t>(read.u32(22))));
}

void read_webp(std::string_view bytes, ImageHeader& header) {  // RFC 9649
  const ByteReader read(bytes, /*big_endian=*/false);
  const std::string_view chunk = bytes.size() < 16 ? "" : bytes.substr(12, 4);
  if (chunk == "VP8X") header.width = read.u24(24) + 1, header.height = read.u24(27) + 1;
  if (chunk == "VP8 ") header.width = read.u16(26) & 0x3FFF, header.height = read.u16(28) & 0x3FFF;
  if (chunk == "VP8L") header.width = (read.u32(21) & 0x3FFF) + 1, header.height = (read.u32(21) >> 14 & 0x3FFF) + 1;
}

void read_jpeg(std::string_view bytes, ImageHeader& header) {
  const JpegMarkers markers = read_jpeg_markers(bytes);
  header.width = markers.width, header.height = markers.height, header.orientation = markers.orientation;
  if (header.orientation >= 5) std::swap(header.width, header.height);
}

void read_png(std::string_view bytes, ImageHeader& header) {
  const ByteReader read(bytes, /*big_endian=*/true);
  if (bytes.substr(0, 16).ends_with("IHDR")) header.width = read.u32(16), header.height = read.u32(20);   // it comes first, else decoders see another one
}

}  // namespace

ImageHeader read_image_header(std::string_view bytes, const std::string& origin) {
  if (bytes.empty()) reject("{} is empty", origin);
  const auto format = recognize(bytes);
  if (!format) reject("{} is no JPEG, PNG, TIFF, BMP or WebP image", origin);
  ImageHeader header;
  header.format = *format;
  switch (*format) {
    case ImageFormat::kJpeg: read_jpeg(bytes, header); break;
    case ImageFormat::kPng: read_png(bytes, header); break;
    case ImageFormat::kTiff: read_tiff(bytes, header); break;
    case ImageFormat::kBmp: read_bmp(bytes, header); break;
    case ImageFormat::kWebp: read_webp(bytes, header); break;
  }
  if (header.width <= 0 || header.height <= 0) reject("{} is damaged: its header gives no width and height", origin);
  if (header.width > kMostPixels / header.height)
    reject("{} has {} x {} pixels; at most {} are decoded", origin, header.width, header.height, kMostPixels);
  return header;
}

int64_t reduction_for(ImageFormat format, double width, double height, double needed_width, double needed_height) {
  int64_t reduction = format == ImageFormat::kJpeg ? 8 : 1;
  while (reduction > 1 && (width < needed_width * static_cast<double>(reduction) || height < needed_height * static_cast<double>(reduction))) reduction /= 2;
  return reduction;
}

}  // namespace defound
