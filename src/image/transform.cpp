#include "defound/image/transform.h"

#include <cmath>

#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/image/geometry.h"

namespace defound {
namespace {

Box whole(int64_t width, int64_t height) { return {0, 0, static_cast<double>(width), static_cast<double>(height)}; }
Box as_box(const Window& w) {
  return {static_cast<double>(w.left), static_cast<double>(w.top), static_cast<double>(w.width), static_cast<double>(w.height)};
}

void resize_exactly(TransformPlan& plan, const Box& box, int64_t size) {
  plan.box = box;
  plan.width = plan.height = size;
  plan.window = {0, 0, size, size};
}

void resize_and_center_crop(TransformPlan& plan, int64_t width, int64_t height, int64_t shorter, int64_t size) {
  const Window resized = shorter_side_to(width, height, shorter);
  plan.box = whole(width, height);
  plan.width = resized.width, plan.height = resized.height;
  plan.window = center_crop(resized.width, resized.height, size);
}

/// A square inside the center square, up to `jitter` smaller, anywhere in it.
Window jittered_square(int64_t width, int64_t height, double jitter, RandomStream& stream) {
  const int64_t shorter = std::min(width, height);
  const auto side = std::max<int64_t>(1, std::llround(static_cast<double>(shorter) * (1.0 - jitter * stream.uniform())));
  Window square = center_crop(width, height, shorter);
  square.left += static_cast<int64_t>(stream.below(static_cast<uint64_t>(shorter - side + 1)));
  square.top += static_cast<int64_t>(stream.below(static_cast<uint64_t>(shorter - side + 1)));
  square.width = square.height = side;
  return square;
}

void look_at(const View& view, TransformPlan& plan) {
  const Box all = plan.box;
  plan.box.left += view.left * all.width, plan.box.top += view.top * all.height;
  // not beyond the edge by a rounding error
  plan.box.width = std::min(view.share * all.width, all.left + all.width - plan.box.left);
  plan.box.height = std::min(view.share * all.height, all.top + all.height - plan.box.top);
  plan.flip_horizontal = view.mirrored;
}

void plan_evaluate(const TransformOptions& options, int64_t width, int64_t height, const View& view, TransformPlan& plan) {
  if (options.resize_shorter > 0) {
    plan.filter = Filter::kBicubic;
    resize_and_center_crop(plan, width, height, std::max(options.resize_shorter, options.size), options.size);
  } else {
    resize_exactly(plan, whole(width, height), options.size);
  }
  look_at(view, plan);
}

void plan_generator(const TransformOptions& options, int64_t width, int64_t height, RandomStream& stream, TransformPlan& plan) {
  if (options.crop_jitter > 0) {
    resize_exactly(plan, as_box(jittered_square(width, height, options.crop_jitter, stream)), options.size);
  } else {
    resize_and_center_crop(plan, width, height, options.size, options.size);
  }
  plan.flip_horizontal = options.flip && stream.chance(0.5);
}

void plan_deretfound(const TransformOptions& options, int64_t width, int64_t height, RandomStream& stream, TransformPlan& plan) {
  resize_exactly(plan, whole(width, height), options.size);
  plan.flip_horizontal = stream.chance(0.5);
  plan.flip_vertical = stream.chance(0.5);
  plan.grayscale = stream.chance(0.2);
  plan.rotation = stream.uniform(-180.0, 180.0);
}

}  // namespace

TransformOptions transform_preset(const std::string& preset, int64_t size) {
  TransformOptions options;
  options.preset = preset;
  options.size = size;
  if (preset == "mae") options.filter = Filter::kBicubic;
  if (preset == "generator") options.mean = options.std = {0.5F, 0.5F, 0.5F};
  if (preset != "mae" && preset != "generator" && preset != "deretfound" && preset != "evaluate") {
    const std::string near = nearest(preset, {"mae", "generator", "deretfound", "evaluate"});
    reject("unknown transform '{}'{}", preset, near.empty() ? "; it must be mae, generator, deretfound or evaluate" : "; did you mean " + near + "?");
  }
  return options;
}

TransformPlan plan_transform(const TransformOptions& options, int64_t width, int64_t height, RandomStream& stream, const View& view) {
  TransformPlan plan;
  plan.filter = options.filter;
  if (options.preset == "mae") {
    resize_exactly(plan, as_box(random_resized_crop(width, height, options.scale, {3.0 / 4.0, 4.0 / 3.0}, stream)), options.size);
    plan.flip_horizontal = stream.chance(0.5);
  } else if (options.preset == "deretfound") {
    plan_deretfound(options, width, height, stream, plan);
  } else if (options.preset == "generator") {
    plan_generator(options, width, height, stream, plan);
  } else {
    plan_evaluate(options, width, height, view, plan);
  }
  return plan;
}

Image apply_transform(const Image& image, const TransformPlan& plan, int64_t reduction) {
  const auto r = static_cast<double>(reduction);
  const Box box{plan.box.left / r, plan.box.top / r, plan.box.width / r, plan.box.height / r};
  Image result = resize(image, box, plan.width, plan.height, plan.filter, plan.window);
  if (plan.flip_horizontal) result = flip_horizontal(result);
  if (plan.flip_vertical) result = flip_vertical(result);
  if (plan.grayscale) result = grayscale(result);
  return plan.rotation == 0 ? result : rotate(result, plan.rotation);
}

}  // namespace defound
