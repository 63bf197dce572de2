// Headers of tar archives (shards), and every byte that they give to a member.
#include "defound/data/tar_directory.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return defound::testing::accept_or_reject(data, size, [](std::string_view bytes) {
    uint64_t sum = 0;
    for (const auto& member : defound::read_tar_directory(bytes, "fuzz"))
      for (uint64_t i = 0; i < member.size; ++i) sum += static_cast<unsigned char>(bytes.data()[member.begin + i]);
    volatile uint64_t kept = sum;
    (void)kept;
  });
}
