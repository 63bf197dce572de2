// Against Pillow and torchvision (scripts/goldens/resize.py).
#include <gtest/gtest.h>

#include "defound/image/geometry.h"
#include "defound/image/normalize.h"
#include "defound/image/random_crop.h"
#include "defound/image/resize.h"
#include "support/pixels.h"
#include "support/tensors.h"

namespace defound {
namespace {

using testing::image_of;
using testing::largest_difference;

const TensorMap& pillow() {
  static const TensorMap goldens = testing::golden("resize.safetensors");
  return goldens;
}

Image source() { return image_of(pillow().at("source")); }

TEST(PillowParity, CropsAreResizedAsPillowDoes) {
  const torch::Tensor cases = pillow().at("cases");
  ASSERT_GE(cases.size(0), 20);
  for (const auto& [name, filter] : {std::pair("bicubic", Filter::kBicubic), {"bilinear", Filter::kBilinear}})
    for (int64_t i = 0; i < cases.size(0); ++i) {
      const auto at = [row = cases[i]](int64_t k) { return row[k].item<int64_t>(); };
      const Box box{static_cast<double>(at(0)), static_cast<double>(at(1)), static_cast<double>(at(2)), static_cast<double>(at(3))};
      const Image found = resize(source(), box, at(4), at(5), filter, {0, 0, at(4), at(5)});
      EXPECT_EQ(largest_difference(found, pillow().at(fmt::format("{}.{}", name, i))), 0) << name << " case " << i;
    }
}

TEST(PillowParity, WholeImagesShrinkAsPillowDoes) {
  const Image big = image_of(pillow().at("big"));
  EXPECT_EQ(largest_difference(resize(big, 17, 11, Filter::kBicubic), pillow().at("big.bicubic")), 0);
  EXPECT_EQ(largest_difference(resize(big, 17, 11, Filter::kBilinear), pillow().at("big.bilinear")), 0);
}

TEST(PillowParity, ShorterSideAndCenterCropAreTorchvisions) {
  const auto evaluated = [](int64_t shorter, int64_t size, Filter filter) {
    const Image image = source();
    const Window resized = shorter_side_to(image.width, image.height, shorter);
    const Box all{0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
    return resize(image, all, resized.width, resized.height, filter, center_crop(resized.width, resized.height, size));
  };
  EXPECT_EQ(largest_difference(evaluated(40, 32, Filter::kBicubic), pillow().at("shorter_bicubic")), 0);
  EXPECT_EQ(largest_difference(evaluated(32, 32, Filter::kBilinear), pillow().at("shorter_bilinear")), 0);
}

TEST(PillowParity, RotationsAreTorchvisions) {
  const torch::Tensor angles = pillow().at("angles");
  const Image image = source(), square = image_of(pillow().at("source").slice(0, 0, 40).slice(1, 0, 40));
  for (int64_t i = 0; i < angles.size(0); ++i) {
    const double degrees = angles[i].item<double>();
    EXPECT_EQ(largest_difference(rotate(image, degrees), pillow().at(fmt::format("rotated.{}", i))), 0) << degrees;
    EXPECT_EQ(largest_difference(rotate(square, degrees), pillow().at(fmt::format("rotated_square.{}", i))), 0) << degrees;
  }
}

TEST(PillowParity, GraysFlipsAndNumbersAreTorchvisions) {
  EXPECT_EQ(largest_difference(grayscale(source()), pillow().at("gray")), 0);
  EXPECT_EQ(largest_difference(flip_vertical(flip_horizontal(source())), pillow().at("flipped")), 0);
  EXPECT_TRUE(torch::equal(normalize(source(), kImageNetMean, kImageNetStd), pillow().at("normalized")));
}

/// Other random numbers than torchvision's, so the distributions are compared: 40,000 crops each.
TEST(PillowParity, RandomCropsAreDistributedAsTorchvisions) {
  const int64_t n = 40000;
  torch::Tensor share = torch::empty(n, torch::kFloat64), ratio = torch::empty(n, torch::kFloat64), left = torch::empty(n, torch::kFloat64), top = torch::empty(n, torch::kFloat64);
  for (int64_t i = 0; i < n; ++i) {
    RandomStream stream = Draws(1, "crop").stream(static_cast<uint64_t>(i));
    const Window crop = random_resized_crop(59, 43, {0.2, 1.0}, {3.0 / 4, 4.0 / 3}, stream);
    share[i] = static_cast<double>(crop.width * crop.height) / (59 * 43);
    ratio[i] = static_cast<double>(crop.width) / static_cast<double>(crop.height);
    left[i] = crop.left, top[i] = crop.top;
  }
  const torch::Tensor at = torch::tensor({0.1, 0.25, 0.5, 0.75, 0.9}, torch::kFloat64);
  EXPECT_TRUE(torch::allclose(torch::quantile(share, at), pillow().at("crop.share"), 0.02, 0.01));
  EXPECT_TRUE(torch::allclose(torch::quantile(ratio, at), pillow().at("crop.ratio"), 0.02, 0.01));
  const torch::Tensor position = torch::stack({left.mean(), top.mean()});
  EXPECT_TRUE(torch::allclose(position, pillow().at("crop.position"), 0.03, 0)) << position << pillow().at("crop.position");
}

}  // namespace
}  // namespace defound
