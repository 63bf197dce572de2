#include "defound/image/transform.h"

#include <gtest/gtest.h>

#include <set>

#include "defound/core/error.h"
#include "defound/image/geometry.h"
#include "defound/image/image_header.h"

namespace defound {
namespace {

Image noise(int64_t width, int64_t height) {
  Image image(width, height);
  RandomStream stream = Draws(1, "noise").stream(0);
  for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(stream.below(256));
  return image;
}

TEST(Transform, PlanDependsOnTheStreamOnly) {
  const TransformOptions options = transform_preset("mae", 32);
  const auto plan = [&](uint64_t id) {
    RandomStream stream = Draws(3, "augment").stream(id);
    return plan_transform(options, 100, 80, stream);
  };
  EXPECT_EQ(plan(7).box.left, plan(7).box.left);
  EXPECT_EQ(plan(7).box.width, plan(7).box.width);
  EXPECT_NE(plan(7).box.width, plan(8).box.width);
}

TEST(Transform, EveryPresetGivesTheSizeAndStaysInside) {
  const Image image = noise(61, 83);
  for (const char* preset : {"mae", "deretfound", "generator", "evaluate"}) {
    for (const double jitter : {0.0, 0.3})
      for (uint64_t id = 0; id < 40; ++id) {
        TransformOptions options = transform_preset(preset, 24);
        options.crop_jitter = jitter;
        RandomStream stream = Draws(3, "augment").stream(id);
        const TransformPlan plan = plan_transform(options, image.width, image.height, stream);
        const Image result = apply_transform(image, plan);
        ASSERT_EQ(result.width, 24);
        ASSERT_EQ(result.height, 24);
      }
  }
  EXPECT_THROW(transform_preset("maee", 24), Error);
}

TEST(Transform, AViewIsThatPartOfTheImage) {
  const Image image = noise(60, 24);
  const TransformOptions options = transform_preset("evaluate", 16);
  RandomStream stream = Draws(3, "augment").stream(0);
  const auto seen = [&](const View& view) { return apply_transform(image, plan_transform(options, image.width, image.height, stream, view)).pixels; };
  EXPECT_EQ(test_views("none").size(), 1U);
  EXPECT_EQ(test_views("flip").size(), 2U);
  const auto views = test_views("crops");
  std::set<std::vector<uint8_t>> different;
  for (const View& view : views) {
    EXPECT_GE(std::min(view.left, view.top), 0);
    EXPECT_LE(std::max(view.left, view.top) + view.share, 1 + 1e-12);
    different.insert(seen(view));
  }
  EXPECT_EQ(different.size(), 20U);
  Image part(45, 18);
  for (int64_t y = 0; y < 18; ++y)
    for (int64_t x = 0; x < 45; ++x) std::copy_n(image.at(12 + x, 3 + y), 3, part.at(x, y));
  EXPECT_EQ(seen({0.2, 0.125, 0.75, true}), flip_horizontal(resize(part, 16, 16, Filter::kBilinear)).pixels);
  EXPECT_THROW(test_views("crop"), Error);
}

TEST(Transform, DeretfoundDrawsEachChangeAsOftenAsTold) {
  int horizontal = 0, vertical = 0, gray = 0;
  const int n = 4000;
  for (uint64_t id = 0; id < n; ++id) {
    RandomStream stream = Draws(3, "augment").stream(id);
    const TransformPlan plan = plan_transform(transform_preset("deretfound", 24), 50, 50, stream);
    horizontal += plan.flip_horizontal, vertical += plan.flip_vertical, gray += plan.grayscale;
    EXPECT_LE(std::abs(plan.rotation), 180.0);
  }
  EXPECT_NEAR(horizontal, n * 0.5, 130);
  EXPECT_NEAR(vertical, n * 0.5, 130);
  EXPECT_NEAR(gray, n * 0.2, 105);
}

TEST(Transform, ReducedImageGivesNearlyTheSameResult) {
  Image image(256, 192);  // smooth: shrinking first must not matter
  for (int64_t y = 0; y < 192; ++y)
    for (int64_t x = 0; x < 256; ++x) image.at(x, y)[0] = static_cast<uint8_t>(x), image.at(x, y)[1] = static_cast<uint8_t>(y);
  const Image half = resize(image, 128, 96, Filter::kBilinear);
  TransformPlan plan;
  plan.box = {33, 15, 131, 101};
  plan.width = plan.height = 40;
  plan.window = {0, 0, 40, 40};
  plan.filter = Filter::kBicubic;
  const Image whole = apply_transform(image, plan), reduced = apply_transform(half, plan, 2);
  for (size_t i = 0; i < whole.pixels.size(); ++i) ASSERT_NEAR(whole.pixels[i], reduced.pixels[i], 2) << i;
}

TEST(Transform, ReductionKeepsTheNeededSize) {
  EXPECT_EQ(reduction_for(ImageFormat::kJpeg, 1792, 3000, 224, 224), 8);
  EXPECT_EQ(reduction_for(ImageFormat::kJpeg, 1791, 3000, 224, 224), 4);
  EXPECT_EQ(reduction_for(ImageFormat::kJpeg, 447, 3000, 224, 224), 1);
  EXPECT_EQ(reduction_for(ImageFormat::kPng, 3000, 3000, 224, 224), 1);
}

TEST(Resize, WindowIsAPartOfTheWhole) {
  const Image image = noise(37, 29);
  const Box box{3, 2, 30, 25};
  const Image whole = resize(image, box, 50, 40, Filter::kBicubic, {0, 0, 50, 40});
  const Image part = resize(image, box, 50, 40, Filter::kBicubic, {11, 7, 22, 13});
  for (int64_t y = 0; y < 13; ++y)
    for (int64_t x = 0; x < 22 * 3; ++x) ASSERT_EQ(part.at(0, y)[x], whole.at(11, 7 + y)[x]);
  EXPECT_THROW(resize(image, {10, 0, 30, 10}, 5, 5, Filter::kBicubic, {0, 0, 5, 5}), Error);
  EXPECT_THROW(resize(image, box, 5, 5, Filter::kBicubic, {1, 0, 5, 5}), Error);
}

TEST(Resize, UnequalWidthsLeaveEveryRowWhole) {  // rows whose bytes end exactly at a vector's end
  for (int64_t width = 1; width <= 70; ++width) {
    const Image image = noise(width, 9);
    EXPECT_EQ(resize(image, width, 9, Filter::kBicubic).pixels, image.pixels) << width;
  }
}

TEST(Normalize, AndBack) {
  const Image image = noise(11, 7);
  EXPECT_EQ(denormalize(normalize(image, kImageNetMean, kImageNetStd), kImageNetMean, kImageNetStd).pixels, image.pixels);
}

}  // namespace
}  // namespace defound
