#include "defound/diffusion/prediction.h"

#include <cmath>

#include "defound/core/error.h"

namespace defound {

Denoised denoise(const std::string& prediction_type, const torch::Tensor& prediction, const torch::Tensor& latents, double alpha_bar) {
  const double signal = std::sqrt(alpha_bar), noise = std::sqrt(1 - alpha_bar);
  if (prediction_type == "epsilon") return {(latents - noise * prediction) / signal, prediction};
  if (prediction_type == "v_prediction") return {signal * latents - noise * prediction, signal * prediction + noise * latents};
  if (prediction_type == "sample") return {prediction, (latents - signal * prediction) / noise};
  reject("prediction_type is '{}'; it must be epsilon, v_prediction or sample", prediction_type);
}

}  // namespace defound
