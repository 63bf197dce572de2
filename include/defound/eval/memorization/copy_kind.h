#pragma once
#include <string>

#include "defound/eval/memorization/copy_search.h"
#include "defound/image/image.h"

namespace defound {

/// What was done to a reference image to get its copy: exact (the same pixels), re-encoded (the same picture with other
/// pixels: compressed, resized, recolored), flipped_horizontal, flipped_vertical, cropped (a part of at most 97 % of the
/// area, or of another shape) or shifted (moved, the border filled); two at once are joined by '+'. The windows that a
/// search finds are right to about a hundredth of the side, so smaller crops and shifts count as re-encoded.
std::string copy_kind(const CopyMatch& match, const Image& copy, const Image& reference);

}  // namespace defound
