#include "defound/diffusion/guidance.h"

namespace defound {

torch::Tensor guide(const torch::Tensor& unconditional, const torch::Tensor& conditional, const GuidanceOptions& options) {
  const torch::Tensor guided = unconditional + options.guidance_scale * (conditional - unconditional);
  if (options.guidance_rescale <= 0) return guided;
  const auto deviation = [](const torch::Tensor& x) { return x.std(torch::IntArrayRef{1, 2, 3}, /*unbiased=*/true, /*keepdim=*/true); };
  const torch::Tensor rescaled = guided * (deviation(conditional) / deviation(guided));
  return options.guidance_rescale * rescaled + (1 - options.guidance_rescale) * guided;
}

torch::Tensor guided_prediction(const Denoiser& denoiser, const torch::Tensor& latents, double timestep, const torch::Tensor& conditional,
                                const torch::Tensor& both, const GuidanceOptions& options) {
  const bool guides = options.guidance_scale != 1 && timestep >= options.interval_low && timestep <= options.interval_high;
  if (!guides) return denoiser(latents, timestep, conditional);
  const auto halves = denoiser(torch::cat({latents, latents}), timestep, both).chunk(2);
  return guide(halves[0], halves[1], options);
}

}  // namespace defound
