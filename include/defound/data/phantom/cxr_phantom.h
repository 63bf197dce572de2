#pragma once
#include "defound/core/random.h"
#include "defound/image/image.h"

namespace defound::phantom {

/// A frontal radiograph of a made-up patient's chest, size x size gray pixels, dense matter bright. Anatomy and opacities
/// are drawn for `patient`, position and exposure for `image`; with grade 1 (pneumonia) opacities are added to what
/// grade 0 (no finding) shows, and nothing else changes.
Image render_cxr(const Draws& draws, uint64_t patient, uint64_t image, int grade, int64_t size);

}  // namespace defound::phantom
