#pragma once
#include <string>
#include <string_view>

#include "defound/image/image.h"

namespace defound {

/// Pixels as stored, at 1/reduction (1, 2, 4, 8) of the size, rounded up. Rejects, naming `origin`, a file that is
/// damaged or ends early.
Image decode_jpeg(std::string_view bytes, const std::string& origin, int64_t reduction);

}  // namespace defound
