#pragma once
#include <torch/torch.h>

#include <span>
#include <string>

#include "defound/diffusion/guidance.h"
#include "defound/diffusion/sampler.h"
#include "defound/models/generator.h"
#include "defound/models/sample_times.h"

namespace defound {

struct SampleOptions {
  SamplerOptions sampler;
  GuidanceOptions guidance;
  bool vae_slicing = false;   ///< latents are decoded one image after another: less memory
  SampleTimes* times = nullptr;   ///< added to
  bool may_stop = false;          ///< a signal ends it between two steps (exit 75): where nothing else waits to be saved
};

/// Latents [N, C, h, w] of requests[n] ("": none), from standard normal `start` of that shape, on the generator's device:
/// float64 for a UNet of float64, else fp32.
torch::Tensor sample_latents(Generator& generator, std::span<const std::string> requests, const torch::Tensor& start, const StepNoise& noise,
                             const SampleOptions& options);
/// The same from the noise that seeds[n] stands for. Row n depends on the generator, its request and its seed only, but
/// for rounding; never on the batch.
torch::Tensor sample_latents(Generator& generator, std::span<const std::string> requests, std::span<const uint64_t> seeds, const SampleOptions& options);

/// The same, decoded: images [N, 3, H, W] fp32 in [0, 1] on the CPU.
torch::Tensor sample_images(Generator& generator, std::span<const std::string> requests, std::span<const uint64_t> seeds, const SampleOptions& options);

/// Both for the labels that the generator knows, by their places; -1: no label.
torch::Tensor sample_latents(Generator& generator, std::span<const int64_t> labels, std::span<const uint64_t> seeds, const SampleOptions& options);
torch::Tensor sample_images(Generator& generator, std::span<const int64_t> labels, std::span<const uint64_t> seeds, const SampleOptions& options);

}  // namespace defound
