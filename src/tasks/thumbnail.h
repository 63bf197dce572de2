#pragma once
#include <string>

#include "defound/core/files.h"

namespace defound {

/// A small PNG of an image file for a report; its longer side has at most 176 pixels.
std::string thumbnail(const fs::path& path);

}  // namespace defound
