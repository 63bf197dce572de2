#include "jpeg_markers.h"

#include <cstring>

#include "byte_order.h"

namespace defound {
namespace {

constexpr uint32_t kStartOfScan = 0xDA, kApp1 = 0xE1;

bool has_no_length(uint32_t marker) { return marker == 0x01 || (marker >= 0xD0 && marker <= 0xD9); }
/// Frame headers are C0..CF but for DHT (C4), JPG (C8) and DAC (CC).
bool is_frame(uint32_t marker) { return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC; }

int exif_orientation(std::string_view segment) {
  if (!segment.starts_with(std::string_view("Exif\0\0", 6))) return 1;
  const std::string_view tiff = segment.substr(6);
  const ByteReader read(tiff, tiff.starts_with("MM"));
  const size_t directory = read.u32(4);
  for (uint32_t i = 0; i < read.u16(directory); ++i) {
    const size_t entry = directory + 2 + 12 * size_t{i};
    if (!read.holds(entry, 12)) return 1;
    if (read.u16(entry) != 0x0112) continue;
    const uint32_t value = read.u16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

/// The place of the next marker's code; npos at the end. More FFs are fill.
size_t next_marker(std::string_view bytes, size_t at) {
  while (at + 1 < bytes.size()) {
    const void* found = std::memchr(bytes.data() + at, 0xFF, bytes.size() - 1 - at);
    if (!found) break;
    at = static_cast<size_t>(static_cast<const char*>(found) - bytes.data()) + 1;
    const auto code = static_cast<unsigned char>(bytes[at]);
    if (code != 0x00 && code != 0xFF) return at;
  }
  return std::string_view::npos;
}

}  // namespace

JpegMarkers read_jpeg_markers(std::string_view bytes) {
  JpegMarkers result;
  const ByteReader read(bytes, /*big_endian=*/true);
  size_t at = next_marker(bytes, 2);  // after SOI
  while (at != std::string_view::npos) {
    const uint32_t marker = read.u8(at);
    if (has_no_length(marker)) {
      at = next_marker(bytes, at + 1);
      continue;
    }
    const size_t length = read.u16(at + 1);
    if (length < 2 || !read.holds(at + 1, length)) return result;
    if (is_frame(marker)) result.height = read.u16(at + 4), result.width = read.u16(at + 6);
    if (marker == kApp1 && result.orientation == 1) result.orientation = exif_orientation(bytes.substr(at + 3, length - 2));
    if (marker == kStartOfScan) return result;
    at = next_marker(bytes, at + 1 + length);
  }
  return result;
}

}  // namespace defound
