#pragma once

namespace defound {

/// Seconds that sampling took, by phase. On a GPU each phase is waited for.
struct SampleTimes {
  double prepare = 0;   ///< moving and casting the weights, once
  double text = 0;      ///< encoding requests
  double denoise = 0;   ///< the UNet and the solver
  double decode = 0;    ///< latents to images, on the CPU
};

}  // namespace defound
