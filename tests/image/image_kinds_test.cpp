#include <gtest/gtest.h>

#include <map>

#include "defound/core/crc32.h"
#include "defound/core/error.h"
#include "defound/core/random.h"
#include "defound/image/image_io.h"
#include "support/expect_error.h"
#include "support/pixels.h"
#include "support/tensors.h"

namespace defound {
namespace {

using testing::golden;

std::string bytes_of(const torch::Tensor& tensor) { return {static_cast<const char*>(tensor.const_data_ptr()), static_cast<size_t>(tensor.numel())}; }

/// Largest difference in levels between what is decoded and what Pillow decodes, by name of the file kind.
std::map<std::string, int64_t> differences(const std::string& family) {
  const TensorMap files = golden("image_kinds.safetensors");
  std::map<std::string, int64_t> found;
  for (const auto& [key, bytes] : files) {
    if (!key.starts_with(family) || !key.ends_with(".bytes")) continue;
    const std::string name = key.substr(0, key.rfind('.'));
    found[name] = testing::largest_difference(decode_image(bytes_of(bytes), name), files.at(name + ".rgb"));
  }
  return found;
}

TEST(ImageKinds, PngsAreAsPillowReadsThem) {
  const auto found = differences("png_");
  EXPECT_EQ(found.size(), 10U);
  for (const auto& [name, worst] : found) EXPECT_EQ(worst, 0) << name;
}

TEST(ImageKinds, JpegsAreAsPillowReadsThem) {
  const auto found = differences("jpeg_");
  EXPECT_EQ(found.size(), 5U);
  for (const auto& [name, worst] : found) EXPECT_LE(worst, 2) << name;  // Pillow brings another version of the same decoder
}

TEST(ImageKinds, OthersAreReadWithOpenCvAndNamedWithoutIt) {
#ifdef DEFOUND_HAS_OPENCV
  const auto found = differences("other_");
  EXPECT_EQ(found.size(), 3U);
  for (const auto& [name, worst] : found) EXPECT_EQ(worst, 0) << name;
#else
  for (const std::string name : {"other_bmp", "other_tiff", "other_webp"})
    testing::expect_error(ExitCode::kUsage, name + ": this build has no OpenCV", [&] { decode_image(bytes_of(golden("image_kinds.safetensors").at(name + ".bytes")), name); });
#endif
}

/// The same PNG with right checksums; what cannot be followed stays.
std::string with_checksums(std::string png) {
  const auto u32 = [&](size_t at) {
    size_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(png[at + i]);
    return value;
  };
  for (size_t at = 8; at + 12 <= png.size() && u32(at) <= png.size() - at - 12; at += u32(at) + 12) {
    const size_t length = u32(at);
    const uint32_t sum = crc32(std::string_view(png).substr(at + 4, length + 4));
    for (size_t i = 0; i < 4; ++i) png[at + 8 + length + i] = static_cast<char>(sum >> (24 - 8 * i));
  }
  return png;
}

TEST(ImageKinds, DamagedFilesAreDecodedOrRejectedByName) {
  int64_t decoded = 0, rejected = 0;
  uint64_t id = 0;
  for (const auto& [key, tensor] : golden("image_kinds.safetensors")) {
    if (!key.ends_with(".bytes") || key.starts_with("other_")) continue;
    for (int i = 0; i < 200; ++i) {
      RandomStream stream = Draws(5, "damage").stream(id++);
      std::string bytes = bytes_of(tensor);
      for (uint64_t change = 0, changes = 1 + stream.below(4); change < changes; ++change)
        bytes[stream.below(bytes.size())] = static_cast<char>(stream.below(256));
      if (key.starts_with("png_")) bytes = with_checksums(bytes);
      try {
        const Image image = decode_image(bytes, "damaged.img");
        EXPECT_EQ(static_cast<int64_t>(image.pixels.size()), image.width * image.height * 3);
        ++decoded;
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ExitCode::kUsage) << e.what();
        EXPECT_NE(std::string(e.what()).find("damaged.img"), std::string::npos) << e.what();
        ++rejected;
      }
    }
  }
  EXPECT_GT(decoded, 100);
  EXPECT_GT(rejected, 100);
}

/// A PNG whose checksums are right may still hold anything.
TEST(ImageKinds, APngThatContradictsItselfIsRejected) {
  const TensorMap files = golden("image_kinds.safetensors");
  const std::string palette = bytes_of(files.at("png_palette.bytes"));
  const size_t begin = palette.find("PLTE") - 4, end = palette.find("IDAT") - 4;
  const std::string without_palette = palette.substr(0, begin) + palette.substr(end);
  const std::string rgb = bytes_of(files.at("png_rgb.bytes"));
  const size_t data = rgb.find("IDAT") - 4;
  const std::string without_data = rgb.substr(0, data) + rgb.substr(rgb.find("IEND") - 4);
  for (const std::string& bytes : {without_palette, without_data})
    testing::expect_error(ExitCode::kUsage, "odd.png cannot be decoded: ", [&] { decode_image(bytes, "odd.png"); });
}

}  // namespace
}  // namespace defound
