#pragma once
#include <string>
#include <string_view>

#include "defound/core/files.h"
#include "defound/image/image.h"

namespace defound {

/// Decodes JPEG, PNG, TIFF, BMP or WebP bytes to 8-bit RGB (grayscale is repeated, alpha dropped, 16 bits scaled,
/// EXIF orientation applied). With `shortest_needed` > 0 a large JPEG may be decoded at 1/2, 1/4 or 1/8 as long as
/// its shorter side stays at least that many pixels. Rejects (exit 2) bytes that are no image, naming `origin`.
/// Files that end early are rejected too, never filled up with gray.
Image decode_image(std::string_view bytes, const std::string& origin, int64_t shortest_needed = 0);
/// The same at 1/reduction of the size, rounded up: 1, 2, 4 or 8 for a JPEG (scaled while it is decoded), 1 otherwise.
Image decode_reduced(std::string_view bytes, const std::string& origin, int64_t reduction);
Image read_image(const fs::path& path, int64_t shortest_needed = 0);

std::string encode_png(const Image& image);
std::string encode_jpeg(const Image& image, int64_t quality = 95);
/// By extension (.png, .jpg, .jpeg); published whole.
void write_image(const fs::path& path, const Image& image);

/// Pictures of one size side by side, row by row, `columns` a row, with a margin of `margin` white pixels.
Image contact_sheet(const std::vector<Image>& images, int64_t columns, int64_t margin = 4);

}  // namespace defound
