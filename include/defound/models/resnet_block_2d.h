#pragma once
#include <torch/torch.h>

#include <memory>

#include "defound/nn/layers.h"

namespace defound {

struct ResnetBlockOptions {
  int64_t in_channels = 0, out_channels = 0;
  int64_t time_channels = 0;         ///< 0: no time (autoencoder)
  int64_t groups = 32;
  double eps = 1e-5;
  double output_scale_factor = 1;    ///< the sum is divided by this
};

/// diffusers' ResnetBlock2D (models/resnet.py): norm1, conv1, time_emb_proj, norm2, conv2, conv_shortcut.
class ResnetBlock2D : public torch::nn::Module {
 public:
  explicit ResnetBlock2D(const ResnetBlockOptions& options);
  /// x [N, in, H, W]; activated_time [N, time_channels] = silu(time embedding), undefined without time -> [N, out, H, W].
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& activated_time = {});

 private:
  std::shared_ptr<GroupNorm> norm1_;
  std::shared_ptr<Conv2d> conv1_;
  std::shared_ptr<Linear> time_emb_proj_;   // null without time
  std::shared_ptr<GroupNorm> norm2_;
  std::shared_ptr<Conv2d> conv2_;
  std::shared_ptr<Conv2d> conv_shortcut_;   // null when the channels stay
  double output_scale_factor_;
};

/// Halves the side by a 3x3 convolution of stride 2 (key: conv). Padding 0 adds one row and column at the far end.
class Downsample2D : public torch::nn::Module {
 public:
  Downsample2D(int64_t channels, int64_t padding);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  std::shared_ptr<Conv2d> conv_;
  int64_t padding_;
};

/// Doubles the side (nearest neighbour) and convolves (key: conv). `size`: the wanted {H, W} when it is not the double.
class Upsample2D : public torch::nn::Module {
 public:
  explicit Upsample2D(int64_t channels);
  torch::Tensor forward(const torch::Tensor& x, torch::OptionalIntArrayRef size = {});

 private:
  std::shared_ptr<Conv2d> conv_;
};

}  // namespace defound
