#include "defound/nn/timestep_embedding.h"

#include <cmath>

namespace defound {

torch::Tensor sinusoid_embedding(const torch::Tensor& timesteps, int64_t width, bool flip_sin_to_cos, double freq_shift) {
  const int64_t half = width / 2;
  const auto fp32 = torch::TensorOptions(torch::kFloat32).device(timesteps.device());
  const torch::Tensor exponent = -std::log(10000.0) * torch::arange(half, fp32) / (static_cast<double>(half) - freq_shift);
  const torch::Tensor angles = timesteps.to(torch::kFloat32).unsqueeze(1) * exponent.exp().unsqueeze(0);  // [N, D/2]
  const torch::Tensor sine = angles.sin(), cosine = angles.cos();
  torch::Tensor embedding = flip_sin_to_cos ? torch::cat({cosine, sine}, 1) : torch::cat({sine, cosine}, 1);
  return width % 2 ? torch::constant_pad_nd(embedding, {0, 1}) : embedding;
}

TimestepEmbedding::TimestepEmbedding(int64_t in_features, int64_t out_features)
    : linear_1(register_module("linear_1", std::make_shared<Linear>(in_features, out_features))),
      linear_2(register_module("linear_2", std::make_shared<Linear>(out_features, out_features))) {}

torch::Tensor TimestepEmbedding::forward(const torch::Tensor& sinusoids) { return linear_2->forward(torch::silu(linear_1->forward(sinusoids))); }

}  // namespace defound
