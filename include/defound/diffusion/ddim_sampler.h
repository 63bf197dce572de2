#pragma once
#include "defound/diffusion/sampler.h"

namespace defound {

/// Song, Meng and Ermon, "Denoising diffusion implicit models", ICLR 2021, equations 12 and 16
/// (diffusers schedulers/scheduling_ddim.py).
class DdimSampler : public Sampler {
 public:
  DdimSampler(const NoiseSchedule& schedule, int64_t steps, double eta);
  torch::Tensor step(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents, const StepNoise& noise) override;
  /// Variance of the step from timestep t to `previous` (below 0: to the end) under eta = 1.
  double variance(int64_t t, int64_t previous) const;

 private:
  double alpha_bar_or_final(int64_t t) const;

  NoiseSchedule schedule_;
  int64_t stride_;
  double eta_;
};

}  // namespace defound
