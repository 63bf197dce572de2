#pragma once
#include <torch/torch.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "defound/core/random.h"
#include "defound/diffusion/noise_schedule.h"

namespace defound {

/// Standard normal noise for step i, of the shape, type and device of `like`.
using StepNoise = std::function<torch::Tensor(size_t i, const torch::Tensor& like)>;

/// Noise of which row n depends on (draws, step, ids[n]) only, whatever the batch.
StepNoise step_noise(const Draws& draws, std::vector<uint64_t> ids);

/// Walks from noise to a sample; one object a batch, its history lives inside. The steps are those of diffusers'
/// schedulers: call them in order, i = 0 .. timesteps().size() - 1.
class Sampler {
 public:
  virtual ~Sampler() = default;
  /// What the model is told at each step; fractions occur (Euler), repeats too (PNDM).
  std::span<const double> timesteps() const { return timesteps_; }
  /// The initial latents are standard normal noise times this.
  virtual double init_noise_sigma() const { return 1; }
  /// What the model is given at step i.
  virtual torch::Tensor scale_input(const torch::Tensor& latents, size_t /*i*/) const { return latents; }
  /// The latents after step i; all tensors [N, C, H, W]. Samplers without randomness do not call `noise`.
  virtual torch::Tensor step(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents, const StepNoise& noise) = 0;

 protected:
  std::vector<double> timesteps_;
};

struct SamplerOptions {
  std::string sampler = "ddim";   ///< ddim, ddpm, pndm, dpmpp_2m, euler
  int64_t steps = 50;
  double eta = 0;                 ///< DDIM: 0 deterministic, 1 as random as DDPM
};

/// Names that make_sampler knows.
std::vector<std::string> sampler_names();

/// Rejects (exit 2) an unknown name and numbers of steps that the schedule or the method cannot take.
std::unique_ptr<Sampler> make_sampler(const SamplerOptions& options, const NoiseSchedule& schedule);

}  // namespace defound
