#include "defound/nn/layers.h"

#include "defound/core/error.h"

namespace defound {

Linear::Linear(int64_t in_features, int64_t out_features, bool with_bias, torch::Device device)
    : weight(register_parameter("weight", torch::empty({out_features, in_features}, device))),
      bias(with_bias ? register_parameter("bias", torch::empty(out_features, device)) : torch::Tensor()) {}

void Linear::make_lora(int64_t rank, double scale) {
  if (lora_A) fail("the layer has a low-rank update already");
  lora_A = register_module("lora_A", std::make_shared<Linear>(weight.size(1), rank, false, weight.device()));
  lora_B = register_module("lora_B", std::make_shared<Linear>(rank, weight.size(0), false, weight.device()));
  lora_A->to(weight.scalar_type()), lora_B->to(weight.scalar_type());
  lora_scale = scale;
}

Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel, int64_t stride, int64_t padding)
    : weight(register_parameter("weight", torch::empty({out_channels, in_channels, kernel, kernel}))),
      bias(register_parameter("bias", torch::empty(out_channels))),
      stride_(stride),
      padding_(padding) {}

GroupNorm::GroupNorm(int64_t groups, int64_t channels, double eps)
    : weight(register_parameter("weight", torch::ones(channels))), bias(register_parameter("bias", torch::zeros(channels))), groups_(groups), eps_(eps) {
  if (groups < 1 || channels % groups != 0) reject("norm_num_groups is {} but must divide the {} channels of every block", groups, channels);
}

LayerNorm::LayerNorm(int64_t width, double eps, torch::Device device)
    : weight(register_parameter("weight", torch::ones(width, device))), bias(register_parameter("bias", torch::zeros(width, device))), eps_(eps) {}

}  // namespace defound
