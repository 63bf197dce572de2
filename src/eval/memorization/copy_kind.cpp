#include "defound/eval/memorization/copy_kind.h"

#include <algorithm>
#include <cmath>

#include "defound/image/geometry.h"

namespace defound {
namespace {

constexpr double kSameSize = 0.015, kSamePlace = 0.02;   // shares of a side

bool same_pixels(const Image& one, const Image& other) {
  return one.width == other.width && one.height == other.height && one.pixels == other.pixels;
}

}  // namespace

std::string copy_kind(const CopyMatch& match, const Image& copy, const Image& reference) {
  const CopyWindow& window = match.window;
  const bool cropped = std::min(window.width, window.height) < 1 - kSameSize;
  const double beyond = std::max({-window.left, -window.top, window.left + window.width - 1, window.top + window.height - 1});
  const bool shifted = !cropped && beyond > kSamePlace;
  std::string kind;
  const auto add = [&](const char* word) { kind += (kind.empty() ? "" : "+") + std::string(word); };
  if (match.flip_horizontal) add("flipped_horizontal");
  if (match.flip_vertical) add("flipped_vertical");
  if (cropped) add("cropped");
  if (shifted) add("shifted");
  if (kind.empty()) return same_pixels(copy, reference) ? "exact" : "re-encoded";
  return kind;
}

}  // namespace defound
