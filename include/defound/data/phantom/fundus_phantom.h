#pragma once
#include "defound/core/random.h"
#include "defound/image/image.h"

namespace defound::phantom {

/// A photograph of the back of a made-up patient's eye, size x size pixels. Anatomy and lesions are drawn for
/// `patient`, the camera (eye side aside: that is the patient's) for `image`; the grade (0 no retinopathy .. 4
/// proliferative) changes the lesions and nothing else.
Image render_fundus(const Draws& draws, uint64_t patient, uint64_t image, int grade, int64_t size);

}  // namespace defound::phantom
