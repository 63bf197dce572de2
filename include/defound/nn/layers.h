#pragma once
#include <torch/torch.h>

#include <memory>

#include "defound/kernels/linear_bf16.h"
#include "defound/nn/packed_weight.h"

namespace defound {

// The layers of torch.nn with the same parameter names, but with memory that is not filled when they are made:
// weights are loaded, or drawn by initialize() from counter-based randomness, and never from a global generator.
// Being untouched, the memory of a large model costs nothing until then; on torch::kMeta there is none.

/// torch::linear, by the kernel that is fastest here.
inline torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  return multiplies_in_bf16(x, weight) ? linear_bf16(x, weight, bias) : torch::linear(x, weight, bias);
}

struct Linear : torch::nn::Module {
  Linear(int64_t in_features, int64_t out_features, bool with_bias = true, torch::Device device = torch::kCPU);
  /// [..., in] -> [..., out]; with a low-rank update (nn/lora.h) plus lora_scale x lora_B(lora_A(x)).
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor out = packed.serves(x, weight) ? packed.linear(x, weight, bias) : defound::linear(x, weight, bias);
    return lora_A ? out + lora_B->forward(lora_A->forward(x)) * lora_scale : out;
  }
  /// Registers lora_A [rank, in] and lora_B [out, rank], not filled, of the weight's type and device.
  void make_lora(int64_t rank, double scale);
  torch::Tensor weight, bias;
  std::shared_ptr<Linear> lora_A, lora_B;   ///< null: none
  double lora_scale = 1;
  PackedWeight packed;
};

struct Conv2d : torch::nn::Module {
  Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel, int64_t stride = 1, int64_t padding = 0);
  torch::Tensor forward(const torch::Tensor& x) {  ///< [N, C, H, W]
    return packed.serves(x, weight) ? packed.conv2d(x, weight, bias, stride_, padding_) : torch::conv2d(x, weight, bias, stride_, padding_);
  }
  /// The convolution with a kernel of one pixel, of pixels as tokens: [N, H W, in] -> [N, H W, out].
  torch::Tensor of_tokens(const torch::Tensor& x) {
    return packed.serves(x, weight) ? packed.linear(x, weight, bias) : defound::linear(x, weight.flatten(1), bias);
  }
  torch::Tensor weight, bias;
  PackedWeight packed;

 private:
  int64_t stride_, padding_;
};

struct GroupNorm : torch::nn::Module {
  /// Rejects (exit 2) channels that `groups` does not divide.
  GroupNorm(int64_t groups, int64_t channels, double eps);
  torch::Tensor forward(const torch::Tensor& x) { return torch::group_norm(x, groups_, weight, bias, eps_); }
  torch::Tensor weight, bias;

 private:
  int64_t groups_;
  double eps_;
};

struct LayerNorm : torch::nn::Module {
  explicit LayerNorm(int64_t width, double eps = 1e-5, torch::Device device = torch::kCPU);
  torch::Tensor forward(const torch::Tensor& x) { return torch::layer_norm(x, weight.sizes(), weight, bias, eps_); }
  torch::Tensor weight, bias;

 private:
  double eps_;
};

}  // namespace defound
