#pragma once
#include "defound/diffusion/sampler.h"

namespace defound {

/// Noise levels sigma = sqrt((1 - alpha_bar) / alpha_bar) at the timesteps (linear between whole ones), and after the
/// last step 0, or that of timestep 0 under final_sigmas_type sigma_min.
std::vector<double> noise_levels(const NoiseSchedule& schedule, const std::vector<double>& timesteps);

/// Lu et al., "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", 2022: the second-order
/// multistep method with midpoints (diffusers schedulers/scheduling_dpmsolver_multistep.py).
class DpmSolverSampler : public Sampler {
 public:
  DpmSolverSampler(const NoiseSchedule& schedule, int64_t steps);
  torch::Tensor step(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents, const StepNoise& noise) override;

 private:
  NoiseSchedule schedule_;
  std::vector<double> sigmas_;
  torch::Tensor last_original_;
};

/// Euler's method in sigma (Karras et al., "Elucidating the design space of diffusion-based generative models", NeurIPS
/// 2022, algorithm 2 without churn; diffusers schedulers/scheduling_euler_discrete.py).
class EulerSampler : public Sampler {
 public:
  EulerSampler(const NoiseSchedule& schedule, int64_t steps);
  double init_noise_sigma() const override;
  torch::Tensor scale_input(const torch::Tensor& latents, size_t i) const override;
  torch::Tensor step(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents, const StepNoise& noise) override;

 private:
  NoiseSchedule schedule_;
  std::string spacing_;
  std::vector<double> sigmas_;
};

}  // namespace defound
