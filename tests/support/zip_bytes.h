#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "defound/core/crc32.h"

namespace defound::testing {

/// A record of an archive, and what its headers shall say instead of the truth.
struct ZipPart {
  std::string name, content;
  uint16_t method = 0, flags = 0;
  std::optional<uint32_t> checksum = {}, size = {}, packed = {}, header = {};
  std::optional<std::string> local_name = {};
};

inline std::string little_endian(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i);
  return text;
}

/// A zip archive of these records, stored (PKWARE APPNOTE.TXT, section 4.3).
inline std::string zip_bytes(const std::vector<ZipPart>& parts) {
  std::string file, directory;
  for (const ZipPart& part : parts) {
    const auto begin = static_cast<uint32_t>(file.size());
    const std::string local = part.local_name.value_or(part.name);
    const uint32_t size = part.size.value_or(static_cast<uint32_t>(part.content.size()));
    const std::string numbers = little_endian(part.checksum.value_or(crc32(part.content)), 4) + little_endian(part.packed.value_or(size), 4) + little_endian(size, 4);
    const std::string how = little_endian(0, 2) + little_endian(part.flags, 2) + little_endian(part.method, 2) + little_endian(0, 4) + numbers;
    file += "PK\3\4" + how + little_endian(local.size(), 2) + little_endian(0, 2) + local + part.content;
    directory += "PK\1\2" + little_endian(0, 2) + how + little_endian(part.name.size(), 2) + std::string(12, '\0') +
                 little_endian(part.header.value_or(begin), 4) + part.name;
  }
  const std::string count = little_endian(parts.size(), 2);
  return file + directory + "PK\5\6" + little_endian(0, 4) + count + count + little_endian(directory.size(), 4) + little_endian(file.size(), 4) + little_endian(0, 2);
}

}  // namespace defound::testing
