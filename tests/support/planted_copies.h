#pragma once
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "defound/core/random.h"
#include "defound/data/phantom/phantom_set.h"
#include "defound/eval/memorization/copy_windows.h"
#include "defound/image/geometry.h"
#include "defound/image/image_io.h"
#include "defound/image/resize.h"

namespace defound::testing {

/// Phantoms of `count` patients, one image each.
inline std::vector<Image> phantom_images(const std::string& modality, int64_t count, int64_t size, uint64_t seed) {
  const Draws draws(seed, "planted copies");
  std::vector<Image> images;
  for (int64_t i = 0; i < count; ++i) {
    phantom::Row row;
    row.patient_id = static_cast<uint64_t>(i), row.image_id = static_cast<uint64_t>(i), row.grade = static_cast<int>(i % 2);
    images.push_back(phantom::render(modality, draws, row, size));
  }
  return images;
}

/// The part of an image that begins at (left, top), in shares of its sides, at its full size again.
inline Image crop_of(const Image& image, double left, double top, double share_of_side) {
  const auto width = static_cast<double>(image.width), height = static_cast<double>(image.height);
  const double wide = std::min(share_of_side, 1 - left - 1e-9), high = std::min(share_of_side, 1 - top - 1e-9);   // rounding
  const Box box{left * width, top * height, wide * width, high * height};
  return resize(image, box, image.width, image.height, Filter::kBilinear, {0, 0, image.width, image.height});
}

/// Moved to the right and down by pixels, black where nothing is left.
inline Image shift_of(const Image& image, int64_t right, int64_t down) {
  Image out(image.width, image.height);
  for (int64_t y = std::max<int64_t>(0, down); y < std::min(image.height, image.height + down); ++y)
    for (int64_t x = std::max<int64_t>(0, right); x < std::min(image.width, image.width + right); ++x)
      std::copy_n(image.at(x - right, y - down), 3, out.at(x, y));
  return out;
}

/// With grain on every value, of a deviation of `gray` of 255.
inline Image grainy(const Image& image, double gray, RandomStream& stream) {
  Image out = image;
  for (uint8_t& value : out.pixels) value = static_cast<uint8_t>(std::clamp(value + gray * stream.normal(), 0.0, 255.0));
  return out;
}

/// A copy of that kind: exact, flipped_horizontal, flipped_vertical, re-encoded (JPEG, quality 50), cropped (60 to 95 % of
/// the area) or shifted (by 4 to 10 % of the side), placed at random; or as a generator draws it: grainy (8 of 255), coarse
/// (without what is finer than a third of the pixels show).
inline Image plant_copy(const Image& image, const std::string& kind, RandomStream& stream) {
  if (kind == "flipped_horizontal") return flip_horizontal(image);
  if (kind == "flipped_vertical") return flip_vertical(image);
  if (kind == "re-encoded") return decode_image(encode_jpeg(image, 50), "a planted copy");
  if (kind == "grainy") return grainy(image, 8, stream);
  if (kind == "coarse") return resize(resize(image, image.width / 3, image.height / 3, Filter::kBicubic), image.width, image.height, Filter::kBicubic);
  if (kind == "cropped") {
    const double side = std::sqrt(stream.uniform(0.6, 0.95));
    return crop_of(image, stream.uniform(0, 1 - side), stream.uniform(0, 1 - side), side);
  }
  const auto offset = [&] {
    return static_cast<int64_t>(stream.uniform(0.04, 0.1) * static_cast<double>(image.width)) * (stream.chance(0.5) ? 1 : -1);
  };
  if (kind == "shifted") return shift_of(image, offset(), offset());
  return image;
}

inline const std::vector<std::string> kCopyKinds{"exact",  "flipped_horizontal", "flipped_vertical", "re-encoded", "cropped",
                                                 "shifted"};
inline const std::vector<std::string> kDrawnKinds{"grainy", "coarse"};

/// Images as the copy search takes them: [N, 96, 96] uint8.
inline torch::Tensor gray_squares(const std::vector<Image>& images) {
  torch::Tensor out = torch::empty({static_cast<int64_t>(images.size()), kCopySide, kCopySide}, torch::kByte);
  for (size_t i = 0; i < images.size(); ++i) {
    const Image small = grayscale(resize(images[i], kCopySide, kCopySide, Filter::kBilinear));
    uint8_t* to = out[static_cast<int64_t>(i)].data_ptr<uint8_t>();
    for (int64_t pixel = 0; pixel < kCopySide * kCopySide; ++pixel) to[pixel] = small.pixels[static_cast<size_t>(3 * pixel)];
  }
  return out;
}

}  // namespace defound::testing
