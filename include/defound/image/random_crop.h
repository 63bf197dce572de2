#pragma once
#include "defound/core/random.h"
#include "defound/image/resize.h"

namespace defound {

struct Range {
  double low = 0, high = 0;
};

/// The crop of torchvision's RandomResizedCrop.get_params: a share `scale` of the area, width : height in `ratio`
/// (log-uniform), ten attempts, then the largest center crop whose ratio fits. In whole pixels.
Window random_resized_crop(int64_t width, int64_t height, Range scale, Range ratio, RandomStream& stream);

/// width x height after torchvision's Resize(size) with one number: the shorter side becomes `size`.
Window shorter_side_to(int64_t width, int64_t height, int64_t size);

/// torchvision's CenterCrop of a size x size part; the image must be at least that large.
Window center_crop(int64_t width, int64_t height, int64_t size);

}  // namespace defound
