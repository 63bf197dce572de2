#pragma once
#include <torch/torch.h>

#include <string>

namespace defound {

/// What a prediction says about the noisy latents x_t = sqrt(alpha_bar) original + sqrt(1 - alpha_bar) epsilon.
struct Denoised {
  torch::Tensor original, epsilon;
};

/// prediction_type: epsilon, v_prediction or sample.
Denoised denoise(const std::string& prediction_type, const torch::Tensor& prediction, const torch::Tensor& latents, double alpha_bar);

}  // namespace defound
