#include "defound/models/resnet_block_2d.h"

namespace defound {

ResnetBlock2D::ResnetBlock2D(const ResnetBlockOptions& o)
    : norm1_(register_module("norm1", std::make_shared<GroupNorm>(o.groups, o.in_channels, o.eps))),
      conv1_(register_module("conv1", std::make_shared<Conv2d>(o.in_channels, o.out_channels, 3, 1, 1))),
      norm2_(register_module("norm2", std::make_shared<GroupNorm>(o.groups, o.out_channels, o.eps))),
      conv2_(register_module("conv2", std::make_shared<Conv2d>(o.out_channels, o.out_channels, 3, 1, 1))),
      output_scale_factor_(o.output_scale_factor) {
  if (o.time_channels > 0) time_emb_proj_ = register_module("time_emb_proj", std::make_shared<Linear>(o.time_channels, o.out_channels));
  if (o.in_channels != o.out_channels) conv_shortcut_ = register_module("conv_shortcut", std::make_shared<Conv2d>(o.in_channels, o.out_channels, 1));
}

torch::Tensor ResnetBlock2D::forward(const torch::Tensor& x, const torch::Tensor& activated_time) {
  torch::Tensor hidden = conv1_->forward(torch::silu(norm1_->forward(x)));
  if (time_emb_proj_) hidden = hidden + time_emb_proj_->forward(activated_time).unsqueeze(-1).unsqueeze(-1);  // [N, out, 1, 1] over H W
  hidden = conv2_->forward(torch::silu(norm2_->forward(hidden)));
  const torch::Tensor sum = (conv_shortcut_ ? conv_shortcut_->forward(x) : x) + hidden;
  return output_scale_factor_ == 1 ? sum : sum / output_scale_factor_;
}

Downsample2D::Downsample2D(int64_t channels, int64_t padding)
    : conv_(register_module("conv", std::make_shared<Conv2d>(channels, channels, 3, 2, padding))), padding_(padding) {}

torch::Tensor Downsample2D::forward(const torch::Tensor& x) {
  return conv_->forward(padding_ == 0 ? torch::constant_pad_nd(x, {0, 1, 0, 1}) : x);
}

Upsample2D::Upsample2D(int64_t channels) : conv_(register_module("conv", std::make_shared<Conv2d>(channels, channels, 3, 1, 1))) {}

torch::Tensor Upsample2D::forward(const torch::Tensor& x, torch::OptionalIntArrayRef size) {
  const std::vector<int64_t> target = size ? size->vec() : std::vector<int64_t>{2 * x.size(2), 2 * x.size(3)};
  return conv_->forward(torch::upsample_nearest2d(x, target));
}

}  // namespace defound
