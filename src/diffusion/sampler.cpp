#include "defound/diffusion/sampler.h"

#include <algorithm>

#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/diffusion/ddim_sampler.h"
#include "defound/diffusion/ddpm_sampler.h"
#include "defound/diffusion/pndm_sampler.h"
#include "defound/diffusion/sigma_samplers.h"
#include "defound/tensor/random_tensor.h"

namespace defound {

StepNoise step_noise(const Draws& draws, std::vector<uint64_t> ids) {
  return [draws, ids = std::move(ids)](size_t i, const torch::Tensor& like) {
    return random_normal(draws.purpose(fmt::format("step.{}", i)), ids, like.sizes().slice(1)).to(like.options());
  };
}

std::vector<std::string> sampler_names() { return {"ddim", "ddpm", "pndm", "dpmpp_2m", "euler"}; }

std::unique_ptr<Sampler> make_sampler(const SamplerOptions& options, const NoiseSchedule& schedule) {
  if (options.eta < 0 || options.eta > 1) reject("eta is {} but must be 0 to 1", options.eta);
  if (options.sampler == "ddim") return std::make_unique<DdimSampler>(schedule, options.steps, options.eta);
  if (options.eta != 0) reject("eta is for the ddim sampler only, not for {}", options.sampler);
  if (options.sampler == "ddpm") return std::make_unique<DdpmSampler>(schedule, options.steps);
  if (options.sampler == "pndm") return std::make_unique<PndmSampler>(schedule, options.steps);
  if (options.sampler == "dpmpp_2m") return std::make_unique<DpmSolverSampler>(schedule, options.steps);
  if (options.sampler == "euler") return std::make_unique<EulerSampler>(schedule, options.steps);
  const std::string near = nearest(options.sampler, sampler_names());
  reject("sampler '{}' is unknown{}", options.sampler, near.empty() ? "; use ddim, ddpm, pndm, dpmpp_2m or euler" : fmt::format("; did you mean '{}'?", near));
}

}  // namespace defound
