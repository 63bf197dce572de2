#pragma once
#include <torch/torch.h>

#include <functional>
#include <limits>

namespace defound {

/// The prediction for latents [N, C, H, W] at one timestep under context [N, M, D].
using Denoiser = std::function<torch::Tensor(const torch::Tensor& latents, double timestep, const torch::Tensor& context)>;

struct GuidanceOptions {
  double guidance_scale = 1;     ///< 1: the conditional prediction as it is
  double guidance_rescale = 0;   ///< > 0: share of the guided prediction that gets the conditional's deviation
  /// Timesteps between which it guides, both included; outside the conditional prediction stands alone, at half the work
  /// (Kynkäänniemi et al., NeurIPS 2024).
  double interval_low = 0, interval_high = std::numeric_limits<double>::infinity();
};

/// unconditional + scale x (conditional - unconditional) (Ho and Salimans, "Classifier-free diffusion guidance", 2022),
/// then pulled to the conditional's standard deviation by guidance_rescale (Lin et al., WACV 2024, section 3.4).
torch::Tensor guide(const torch::Tensor& unconditional, const torch::Tensor& conditional, const GuidanceOptions& options);

/// The guided prediction: both branches go through the denoiser in one batch, under `both` [2N, M, D], unconditional rows
/// first; under weight 1 and outside the interval only the conditional goes. A denoiser gets the same two tensors every time.
torch::Tensor guided_prediction(const Denoiser& denoiser, const torch::Tensor& latents, double timestep, const torch::Tensor& conditional,
                                const torch::Tensor& both, const GuidanceOptions& options);

}  // namespace defound
