#pragma once
#include "defound/diffusion/sampler.h"

namespace defound {

/// Ho et al., "Denoising diffusion probabilistic models", NeurIPS 2020, equation 7 (diffusers schedulers/scheduling_ddpm.py).
class DdpmSampler : public Sampler {
 public:
  DdpmSampler(const NoiseSchedule& schedule, int64_t steps);
  torch::Tensor step(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents, const StepNoise& noise) override;

 private:
  NoiseSchedule schedule_;
};

}  // namespace defound
