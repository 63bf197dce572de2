#pragma once
#include <torch/torch.h>

#include <span>

#include "defound/diffusion/guidance.h"
#include "defound/diffusion/sampler.h"
#include "defound/models/generator.h"

namespace defound {

struct SampleOptions {
  SamplerOptions sampler;
  GuidanceOptions guidance;
};

/// Latents [N, C, h, w] on the generator's device, for labels[n] (-1: no label) and seeds[n]: float64 for a UNet of
/// float64, else fp32. Row n depends on the generator, its label and its seed only, but for rounding; never on the batch.
torch::Tensor sample_latents(Generator& generator, std::span<const int64_t> labels, std::span<const uint64_t> seeds, const SampleOptions& options);

/// The same, decoded: images [N, 3, H, W] fp32 in [0, 1] on the CPU.
torch::Tensor sample_images(Generator& generator, std::span<const int64_t> labels, std::span<const uint64_t> seeds, const SampleOptions& options);

}  // namespace defound
