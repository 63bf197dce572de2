#pragma once
#include <filesystem>
#include <string>

#include "defound/core/random.h"
#include "defound/image/image_io.h"

namespace defound::testing {

/// Random pixels over a color that depends on `number`: each number gives another picture.
inline Image made_image(int64_t number, int64_t width = 24, int64_t height = 20) {
  Image image(width, height);
  RandomStream stream = Draws(17, "made image").stream(static_cast<uint64_t>(number));
  const uint64_t base = stream.below(150);
  for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(base + stream.below(100));
  return image;
}

/// Writes made_image(number) as folder/name (.png or .jpg), with the folders on the way.
inline fs::path write_made_image(const fs::path& folder, const std::string& name, int64_t number, int64_t width = 24, int64_t height = 20) {
  const fs::path path = folder / name;
  fs::create_directories(path.parent_path());
  write_image(path, made_image(number, width, height));
  return path;
}

}  // namespace defound::testing
