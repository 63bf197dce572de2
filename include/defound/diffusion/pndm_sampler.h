#pragma once
#include "defound/diffusion/sampler.h"

namespace defound {

/// Liu et al., "Pseudo numerical methods for diffusion models on manifolds", ICLR 2022, equations 9, 12 and 13
/// (diffusers schedulers/scheduling_pndm.py): a Runge-Kutta warm-up of 12 calls, left out under skip_prk_steps, then a
/// linear multistep method.
class PndmSampler : public Sampler {
 public:
  PndmSampler(const NoiseSchedule& schedule, int64_t steps);
  torch::Tensor step(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents, const StepNoise& noise) override;

 private:
  torch::Tensor runge_kutta(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents);
  torch::Tensor multistep(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents);
  /// Equation 9: from timestep t to `previous` (below 0: to the end).
  torch::Tensor transfer(const torch::Tensor& latents, int64_t t, int64_t previous, const torch::Tensor& prediction) const;

  NoiseSchedule schedule_;
  int64_t stride_;
  size_t warmup_ = 0;                      // Runge-Kutta calls
  std::vector<torch::Tensor> predictions_; // the last ones, oldest first
  torch::Tensor sum_, start_;              // of the Runge-Kutta step, or the repeated first step, under way
};

}  // namespace defound
