#pragma once
#include <torch/torch.h>

namespace defound {

/// torch::nn::Linear and LayerNorm by name and shape, but their memory is left as it is: LibTorch's own fill every
/// weight from the global generator first, which costs a second for a large model and is drawn over anyway.
struct LinearImpl : torch::nn::Module {
  LinearImpl(int64_t in_features, int64_t out_features, torch::Device device = torch::kCPU);
  torch::Tensor forward(const torch::Tensor& x) const { return torch::linear(x, weight, bias); }   // [..., in] -> [..., out]
  torch::Tensor weight, bias;                                                                      // [out, in], [out]
};
TORCH_MODULE(Linear);

/// Over the last dimension, epsilon 1e-6 (timm's and MAE's vision transformers).
struct LayerNormImpl : torch::nn::Module {
  explicit LayerNormImpl(int64_t width, torch::Device device = torch::kCPU);
  torch::Tensor forward(const torch::Tensor& x) const { return torch::layer_norm(x, {x.size(-1)}, weight, bias, 1e-6); }
  torch::Tensor weight, bias;
};
TORCH_MODULE(LayerNorm);

}  // namespace defound
