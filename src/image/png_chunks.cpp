#include <array>

#include "byte_order.h"
#include "defound/core/error.h"
#include "defound/image/image_header.h"
#include "png_chunks.h"

namespace defound {
namespace {

/// CRC-32 of ISO 3309, as in the PNG specification's annex D; four bytes a step ("slicing").
class Crc32 {
 public:
  constexpr Crc32() {
    for (uint32_t n = 0; n < 256; ++n) {
      uint32_t value = n;
      for (int bit = 0; bit < 8; ++bit) value = value & 1 ? 0xEDB88320U ^ (value >> 1) : value >> 1;
      table_[0][n] = value;
    }
    for (uint32_t n = 0; n < 256; ++n)
      for (size_t k = 1; k < 4; ++k) table_[k][n] = (table_[k - 1][n] >> 8) ^ table_[0][table_[k - 1][n] & 255];
  }
  uint32_t operator()(std::string_view bytes) const {
    uint32_t value = 0xFFFFFFFFU;
    const ByteReader read(bytes, /*big_endian=*/false);
    size_t at = 0;
    for (; at + 4 <= bytes.size(); at += 4) {
      value ^= read.u32(at);
      value = table_[3][value & 255] ^ table_[2][value >> 8 & 255] ^ table_[1][value >> 16 & 255] ^ table_[0][value >> 24];
    }
    for (; at < bytes.size(); ++at) value = table_[0][(value ^ static_cast<unsigned char>(bytes[at])) & 255] ^ (value >> 8);
    return ~value;
  }

 private:
  std::array<std::array<uint32_t, 256>, 4> table_{};
};
constexpr Crc32 kCrc32;

}  // namespace

void for_each_png_chunk(std::string_view bytes, const std::string& origin, const std::function<void(std::string_view, std::string_view)>& visit) {
  const ByteReader read(bytes, /*big_endian=*/true);
  for (size_t at = kPngSignature.size(); read.holds(at, 12);) {
    const size_t length = read.u32(at);
    if (!read.holds(at + 12, length)) break;
    const std::string_view type = bytes.substr(at + 4, 4);
    if (kCrc32(bytes.substr(at + 4, length + 4)) != read.u32(at + 8 + length)) reject("{} is damaged: a checksum of the PNG does not match", origin);
    visit(type, bytes.substr(at, length + 12));
    if (type == "IEND") return;
    at += length + 12;
  }
  reject("{} is cut short: the PNG has no end", origin);
}

std::string essential_png(std::string_view bytes, const std::string& origin) {
  std::string kept(kPngSignature);
  kept.reserve(bytes.size());
  for_each_png_chunk(bytes, origin, [&](std::string_view type, std::string_view chunk) {
    if (type == "IHDR" || type == "PLTE" || type == "tRNS" || type == "IDAT" || type == "IEND") kept += chunk;
  });
  return kept;
}

}  // namespace defound
