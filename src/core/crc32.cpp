#include "defound/core/crc32.h"

#include <array>
#include <bit>
#include <cstring>

namespace defound {
namespace {

static_assert(std::endian::native == std::endian::little, "eight bytes at a time are read as they lie in memory");

/// kCrcTables[k][byte]: what a byte contributes when k bytes follow it ("slicing by eight", Intel 2006).
constexpr std::array<std::array<uint32_t, 256>, 8> kCrcTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t n = 0; n < 256; ++n) {
    uint32_t value = n;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? 0xEDB88320U ^ (value >> 1) : value >> 1;
    tables[0][n] = value;
  }
  for (uint32_t n = 0; n < 256; ++n)
    for (size_t k = 1; k < 8; ++k) tables[k][n] = (tables[k - 1][n] >> 8) ^ tables[0][tables[k - 1][n] & 255];
  return tables;
}();

}  // namespace

uint32_t crc32(std::string_view bytes, uint32_t before) {
  const auto& table = kCrcTables;
  uint32_t value = ~before;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t eight = 0;
    std::memcpy(&eight, bytes.data(), sizeof eight);
    eight ^= value;
    value = table[7][eight & 255] ^ table[6][eight >> 8 & 255] ^ table[5][eight >> 16 & 255] ^ table[4][eight >> 24 & 255] ^
            table[3][eight >> 32 & 255] ^ table[2][eight >> 40 & 255] ^ table[1][eight >> 48 & 255] ^ table[0][eight >> 56];
  }
  for (const char byte : bytes) value = table[0][(value ^ static_cast<unsigned char>(byte)) & 255] ^ (value >> 8);
  return ~value;
}

}  // namespace defound
