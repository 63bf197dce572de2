#include "byte_order.h"
#include "defound/core/crc32.h"
#include "defound/core/error.h"
#include "defound/image/image_header.h"
#include "png_chunks.h"

namespace defound {

void for_each_png_chunk(std::string_view bytes, const std::string& origin, const std::function<void(std::string_view, std::string_view)>& visit) {
  const ByteReader read(bytes, /*big_endian=*/true);
  for (size_t at = kPngSignature.size(); read.holds(at, 12);) {
    const size_t length = read.u32(at);
    if (!read.holds(at + 12, length)) break;
    const std::string_view type = bytes.substr(at + 4, 4);
    if (crc32(bytes.substr(at + 4, length + 4)) != read.u32(at + 8 + length)) reject("{} is damaged: a checksum of the PNG does not match", origin);
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
