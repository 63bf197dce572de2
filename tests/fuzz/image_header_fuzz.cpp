// Headers of JPEG, PNG, TIFF, BMP and WebP files.
#include "defound/image/image_header.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return defound::testing::accept_or_reject(data, size, [](std::string_view bytes) {
    const defound::ImageHeader header = defound::read_image_header(bytes, "fuzz");
    if (header.format == defound::ImageFormat::kPng) defound::essential_png(bytes, "fuzz");
  });
}
