#pragma once
#include <torch/torch.h>

#include "defound/diffusion/scheduler_config.h"

namespace defound {

/// The forward process q(x_t | x_0) = N(sqrt(alpha_bar_t) x_0, (1 - alpha_bar_t) I) of Ho et al., "Denoising diffusion
/// probabilistic models", NeurIPS 2020, equation 4. Coefficients are float64 and cast to the tensors' type when used.
class NoiseSchedule {
 public:
  explicit NoiseSchedule(const SchedulerConfig& config);

  const SchedulerConfig& config() const { return config_; }
  int64_t num_train_timesteps() const { return config_.num_train_timesteps; }
  double alpha_bar(int64_t t) const;                            ///< t in 0 .. T-1
  const torch::Tensor& alphas_cumprod() const { return alphas_cumprod_; }  ///< [T] float64

  /// clean and noise [N, ...], timesteps [N] int64 -> the noisy samples.
  torch::Tensor add_noise(const torch::Tensor& clean, const torch::Tensor& noise, const torch::Tensor& timesteps) const;
  /// v = sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) clean (Salimans and Ho, ICLR 2022, appendix D).
  torch::Tensor velocity(const torch::Tensor& clean, const torch::Tensor& noise, const torch::Tensor& timesteps) const;
  /// What the model shall predict under the config's prediction_type: the noise, the velocity or the clean sample.
  torch::Tensor training_target(const torch::Tensor& clean, const torch::Tensor& noise, const torch::Tensor& timesteps) const;
  /// Loss weights [N] fp32 that cap the signal-to-noise ratio at `snr_gamma` (Hang et al., "Min-SNR", ICCV 2023).
  torch::Tensor min_snr_weights(const torch::Tensor& timesteps, double snr_gamma) const;

 private:
  SchedulerConfig config_;
  torch::Tensor alphas_cumprod_;
};

}  // namespace defound
