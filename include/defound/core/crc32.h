#pragma once
#include <cstdint>
#include <string_view>

namespace defound {

/// CRC-32 of ISO 3309, as PNG and zip use it. `before` is the value of the bytes that stood before these, 0 at the start.
uint32_t crc32(std::string_view bytes, uint32_t before = 0);

}  // namespace defound
