#include "defound/core/version.h"

#include "defound_version.h"

namespace defound {

std::string version_text() { return DEFOUND_VERSION " (" DEFOUND_REVISION ", LibTorch " DEFOUND_TORCH_VERSION ")"; }

}  // namespace defound
