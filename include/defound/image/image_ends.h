#pragma once
#include "defound/core/files.h"

namespace defound {

/// Rejects (exit 2), naming it, a file that by its first 4 KiB and its last bytes is no whole image: nothing in it, no
/// header, or a JPEG or PNG without its end mark, as an unfinished copy leaves it. Decodes nothing, so it suits a million files.
void check_image_ends(const fs::path& path);

}  // namespace defound
