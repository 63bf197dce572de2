#pragma once
#include <optional>

#include "defound/data/image_table.h"

namespace defound {

struct BadImage {
  int64_t row = 0;        ///< of the table
  fs::path path;
  std::string reason;
};

/// Opens and decodes every image (a large JPEG at 1/8) on `threads` threads (0: one a core); those that cannot be, by row.
std::vector<BadImage> check_images(const ImageTable& table, int64_t threads);

/// The table without its unreadable images. policy "fail": the first one is rejected. "skip": they are left out and
/// listed in `list` (path,reason) when given; more than 1 % is rejected. Done before training, so that the order of
/// the data never depends on what fails while it runs.
ImageTable without_bad_images(const ImageTable& table, const std::string& policy, int64_t threads, const std::optional<fs::path>& list = {});

/// Writes path,reason rows, published whole.
void write_bad_files(const fs::path& path, const std::vector<BadImage>& bad);

}  // namespace defound
