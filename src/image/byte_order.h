#pragma once
#include <cstdint>
#include <string_view>

namespace defound {

/// Unsigned numbers at a place in a file's bytes; 0 beyond the end.
class ByteReader {
 public:
  ByteReader(std::string_view bytes, bool big_endian) : bytes_(bytes), big_(big_endian) {}
  bool holds(size_t at, size_t count) const { return at <= bytes_.size() && count <= bytes_.size() - at; }
  uint32_t u8(size_t at) const { return holds(at, 1) ? static_cast<unsigned char>(bytes_[at]) : 0; }
  uint32_t u16(size_t at) const { return big_ ? u8(at) << 8 | u8(at + 1) : u8(at + 1) << 8 | u8(at); }
  uint32_t u24(size_t at) const { return big_ ? u16(at) << 8 | u8(at + 2) : u8(at + 2) << 16 | u16(at); }
  uint32_t u32(size_t at) const { return big_ ? u16(at) << 16 | u16(at + 2) : u16(at + 2) << 16 | u16(at); }

 private:
  std::string_view bytes_;
  bool big_;
};

}  // namespace defound
