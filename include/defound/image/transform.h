#pragma once
#include <string>

#include "defound/image/normalize.h"
#include "defound/image/random_crop.h"
#include "defound/image/view.h"

namespace defound {

/// How images become model inputs. Presets:
///   mae         RandomResizedCrop 0.2-1, bicubic; horizontal flip (facebookresearch/mae main_pretrain.py)
///   deretfound  resize to exactly size x size, bilinear; horizontal and vertical flip; grayscale with p 0.2; rotation
///               by -180..180 degrees (what DERETFound's fine-tuning applies)
///   generator   shorter side to size, center crop, bilinear; horizontal flip; values in -1..1 (diffusers'
///               train_text_to_image.py); crop_jitter draws a smaller part of the center crop
///   evaluate    resize to exactly size x size, bilinear, nothing random; resize_shorter > 0: the shorter side to it,
///               then a center crop, bicubic (RETFound's build_transform)
struct TransformOptions {
  std::string preset = "evaluate";
  int64_t size = 224;
  Filter filter = Filter::kBilinear;
  Range scale{0.2, 1.0};            ///< mae: share of the area
  bool flip = true;                 ///< generator: horizontal flips
  double crop_jitter = 0;           ///< generator: up to this share of the side is cut off
  int64_t resize_shorter = 0;       ///< evaluate
  ChannelValues mean = kImageNetMean, std = kImageNetStd;
};

/// The options of a preset; rejects an unknown name with the nearest.
TransformOptions transform_preset(const std::string& preset, int64_t size);

/// What is done to one image: all that is random is drawn already.
struct TransformPlan {
  Box box;                          ///< this part of the image, in pixels as displayed,
  int64_t width = 0, height = 0;    ///< is resized to this,
  Window window;                    ///< of which this part is kept
  Filter filter = Filter::kBilinear;
  bool flip_horizontal = false, flip_vertical = false, grayscale = false;
  double rotation = 0;              ///< degrees, counter-clockwise
};

/// The plan for an image of this size; depends on the arguments only. `view` is looked at in place of the whole image by
/// preset evaluate, the only one that draws no part of its own.
TransformPlan plan_transform(const TransformOptions& options, int64_t width, int64_t height, RandomStream& stream, const View& view = {});

/// Does it. `reduction`: `image` was decoded at 1/reduction of the size that the plan was made for.
Image apply_transform(const Image& image, const TransformPlan& plan, int64_t reduction = 1);

}  // namespace defound
