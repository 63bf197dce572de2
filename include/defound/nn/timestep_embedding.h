#pragma once
#include <torch/torch.h>

#include "defound/nn/layers.h"

namespace defound {

/// Sinusoids of the timesteps (Ho et al. 2020, section 3; diffusers models/embeddings.py get_timestep_embedding):
/// timesteps [N], whole or not -> [N, width] fp32. `flip_sin_to_cos`: cosines first. `freq_shift` is taken from the
/// number of frequencies when their exponents are spread.
torch::Tensor sinusoid_embedding(const torch::Tensor& timesteps, int64_t width, bool flip_sin_to_cos, double freq_shift);

/// Two linear layers with a SiLU between them (diffusers TimestepEmbedding): [N, in] -> [N, out].
struct TimestepEmbedding : torch::nn::Module {
  TimestepEmbedding(int64_t in_features, int64_t out_features);
  torch::Tensor forward(const torch::Tensor& sinusoids);
  std::shared_ptr<Linear> linear_1, linear_2;
};

}  // namespace defound
