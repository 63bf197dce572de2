#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace defound {

/// Where the content of a file in a zip archive lies.
struct ZipRecord {
  uint64_t begin = 0, size = 0;   ///< of the bytes in the archive
  uint32_t checksum = 0;          ///< CRC-32 of the content; 0 where the writer left it out
  uint16_t method = 0;            ///< 0: the bytes are the content; anything else: they are compressed, and nobody here unpacks them
};

/// The records by name, from the archive's central directory (PKWARE APPNOTE.TXT 6.3, sections 4.3 and 4.5, with zip64).
/// LibTorch's PyTorchStreamReader inflates compressed records to whatever size they claim, lets records overlap and
/// reads each whole to hand it over; here records must lie apart inside the file, and
/// nothing is read but the directory and the head of each. Rejects (exit 2) everything else, naming `origin`.
std::map<std::string, ZipRecord> read_zip_directory(std::string_view bytes, const std::string& origin);

}  // namespace defound
