#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace defound {

/// What a .npy file says of its array, checked against the size of the file.
struct NpyHeader {
  std::string type;                 ///< numpy's name without byte order: f2 f4 f8 i1 i2 i4 i8 u1 b1
  bool fortran_order = false;
  std::vector<int64_t> shape;       ///< empty: a single number
  uint64_t data_begin = 0;          ///< bytes before the data
  uint64_t data_bytes = 0;          ///< the whole rest of the file
};

/// The longest header that is read; numpy itself takes 10,000 bytes.
constexpr uint64_t kMostNpyHeaderBytes = 65536;

/// Reads the header of a .npy file (numpy.lib.format, versions 1.0 to 3.0). `begin`: the file's first bytes, at least
/// the whole header where the file is that long; `file_bytes`: its size. The header is a Python literal; it is parsed
/// as such, nothing is evaluated. Rejects (exit 2) naming `origin`: other types (objects, records, texts, big-endian
/// numbers), a shape that does not fit the file, bytes left over. No torch here, so that it can be fuzzed alone.
NpyHeader parse_npy_header(std::string_view begin, uint64_t file_bytes, const std::string& origin);

/// The header that numpy writes (version 1.0, padded to 64 bytes) before the data of a C-ordered array.
std::string npy_header_text(const std::string& type, const std::vector<int64_t>& shape);

}  // namespace defound
