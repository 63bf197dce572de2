#include "defound/image/resize.h"

#include <algorithm>
#include <cstring>

#include "defound/core/error.h"
#include "resize_passes.h"

namespace defound {

Image resize(const Image& image, int64_t width, int64_t height, Filter filter) {
  const Box whole{0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
  return resize(image, whole, width, height, filter, {0, 0, width, height});
}

Image resize(const Image& image, const Box& box, int64_t width, int64_t height, Filter filter, const Window& window) {
  if (box.left < 0 || box.top < 0 || !(box.width > 0) || !(box.height > 0) || box.left + box.width > static_cast<double>(image.width) ||
      box.top + box.height > static_cast<double>(image.height))
    fail("cannot resize the part {}, {}, {} x {} of an image of {} x {} pixels", box.left, box.top, box.width, box.height, image.width, image.height);
  if (window.left < 0 || window.top < 0 || window.width < 1 || window.height < 1 || window.left + window.width > width || window.top + window.height > height)
    fail("cannot compute the part {}, {}, {} x {} of a result of {} x {} pixels", window.left, window.top, window.width, window.height, width, height);
  FilterWeights columns = filter_weights(box.left, box.width, width, window.left, window.width, filter);
  FilterWeights rows = filter_weights(box.top, box.height, height, window.top, window.height, filter);

  // only the pixels that the window needs
  const int32_t left = columns.first.front(), right = columns.first.back() + columns.count.back();
  const int32_t top = rows.first.front(), bottom = rows.first.back() + rows.count.back();
  for (int32_t& first : columns.first) first -= left;
  for (int32_t& first : rows.first) first -= top;

  const int64_t stride = (window.width * 3 / kRowPadding + 1) * kRowPadding;  // at least one byte of room behind a row
  std::vector<uint8_t> narrow(static_cast<size_t>((bottom - top) * stride + kRowPadding)), result_rows(static_cast<size_t>(window.height * stride));
  resize_rows(image.at(left, top), image.width * 3, right - left, bottom - top, columns, narrow.data(), stride);
  resize_columns(narrow.data(), stride, rows, result_rows.data());
  Image result(window.width, window.height);
  for (int64_t y = 0; y < window.height; ++y)
    std::memcpy(result.at(0, y), result_rows.data() + y * stride, static_cast<size_t>(window.width * 3));
  return result;
}

}  // namespace defound
