#pragma once
#include <string>

namespace defound {

/// "0.1.0 (a1b2c3d4e5f6, LibTorch 2.13)": version, git revision, and the LibTorch it was built against.
std::string version_text();

}  // namespace defound
