#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace defound {

/// Where a tensor stands in a .safetensors file, checked.
struct SafetensorsEntry {
  std::string name, type;        ///< the format's name of the type: "F32"
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;   ///< bytes in the file
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;   ///< in the order of their bytes
  std::map<std::string, std::string> metadata;
};

/// Reads and checks the header of a whole file's bytes: sizes, types, overlaps and gaps; no tensor's bytes are touched.
/// Rejects (exit 2) naming `origin` and the fault.
SafetensorsHeader read_safetensors_header(std::string_view bytes, const std::string& origin);

}  // namespace defound
