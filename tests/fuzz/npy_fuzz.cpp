#include <cstddef>
#include <cstdint>

#include "defound/core/error.h"
#include "defound/tensor/npy_header.h"

/// Whatever the bytes: a header whose data is just what is left of the file, or an Error.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const defound::NpyHeader header = defound::parse_npy_header({reinterpret_cast<const char*>(data), size}, size, "fuzz");
    if (header.data_begin + header.data_bytes != size) __builtin_trap();
  } catch (const defound::Error&) {
  }
  return 0;
}
