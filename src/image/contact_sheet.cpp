#include <cstring>

#include "defound/core/error.h"
#include "defound/image/image_io.h"

namespace defound {

Image contact_sheet(const std::vector<Image>& images, int64_t columns, int64_t margin) {
  if (images.empty() || columns < 1) fail("a contact sheet needs at least one picture and one column");
  const int64_t width = images.front().width, height = images.front().height;
  const int64_t across = std::min<int64_t>(columns, static_cast<int64_t>(images.size()));
  const int64_t down = (static_cast<int64_t>(images.size()) + columns - 1) / columns;
  Image sheet(across * (width + margin) + margin, down * (height + margin) + margin, 255);
  for (size_t i = 0; i < images.size(); ++i) {
    const Image& image = images[i];
    if (image.width != width || image.height != height)
      fail("picture {} of the contact sheet has {} x {} pixels; the first has {} x {}", i, image.width, image.height, width, height);
    const int64_t left = margin + static_cast<int64_t>(i) % columns * (width + margin), top = margin + static_cast<int64_t>(i) / columns * (height + margin);
    for (int64_t y = 0; y < height; ++y) std::memcpy(sheet.at(left, top + y), image.at(0, y), static_cast<size_t>(width * 3));
  }
  return sheet;
}

}  // namespace defound
