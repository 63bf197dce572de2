#pragma once
#include "defound/core/files.h"

namespace defound {

/// Lets `write(temporary)` fill a fresh folder beside `path`, then puts it in the place of `path` in one step: readers
/// see the old folder or the whole new one. Fails (exit 1) naming the path and the system's reason; the old one stays.
void publish_folder(const fs::path& path, const std::function<void(const fs::path& temporary)>& write);

}  // namespace defound
