#pragma once
#include "defound/data/image_table.h"

namespace defound {

/// .jpg .jpeg .png .tif .tiff .bmp .webp, in any case.
bool is_image_name(const fs::path& path);

/// The images of a folder, sorted by path: one folder a class (deeper folders count for it), or train/, val/, test/ with
/// class folders inside, or images without labels. Hidden files are left out. Rejects (exit 2) a class folder without
/// images, images beside class folders, and a folder without any image.
ImageTable read_class_folders(const fs::path& folder);

}  // namespace defound
