#pragma once
#include "defound/config/json.h"
#include "defound/data/image_table.h"

namespace defound {

/// {"images": n, "patients": n or null, "classes": {name: {"train": n, ..., "images": n}}}; unlabelled images stand under "".
Json count_summary(const ImageTable& table);
/// The same as a table for people.
std::string count_text(const Json& counts);

struct PixelSize {
  int64_t width = 0, height = 0;
};
/// {"width": {"least", "median", "most"}, "height": {...}, "shorter_side": [{"from": 256, "images": n}, ...]} by powers of two.
Json size_summary(const std::vector<PixelSize>& sizes);
std::string size_text(const Json& sizes);

}  // namespace defound
