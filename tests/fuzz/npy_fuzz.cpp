// Headers of .npy files: what they say of the data is just what is left of the file.
#include "defound/tensor/npy_header.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return defound::testing::accept_or_reject(data, size, [](std::string_view bytes) {
    const defound::NpyHeader header = defound::parse_npy_header(bytes, bytes.size(), "fuzz");
    if (header.data_begin + header.data_bytes != bytes.size()) __builtin_trap();
  });
}
