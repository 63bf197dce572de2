#pragma once
#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "defound/models/resnet_block_2d.h"
#include "defound/nn/block_list.h"

namespace defound {

/// Of every group norm in the autoencoder (diffusers models/autoencoders/vae.py).
inline constexpr double kAutoencoderNormEps = 1e-6;

/// Self-attention over pixels with one head, added to its input; keys group_norm, to_q, to_k, to_v, to_out.0.
class PixelAttention : public torch::nn::Module {
 public:
  PixelAttention(int64_t channels, int64_t groups);
  torch::Tensor forward(const torch::Tensor& x);  ///< [N, C, H, W] -> [N, C, H, W]

 private:
  std::shared_ptr<GroupNorm> group_norm_;
  std::shared_ptr<Linear> to_q_, to_k_, to_v_;
  std::shared_ptr<BlockList<Linear>> to_out_;
};

/// UNetMidBlock2D without time: resnet, attention, resnet.
class AutoencoderMidBlock : public torch::nn::Module {
 public:
  AutoencoderMidBlock(int64_t channels, int64_t groups, bool attention);
  torch::Tensor forward(torch::Tensor x);

 private:
  std::shared_ptr<BlockList<PixelAttention>> attentions_;
  std::shared_ptr<BlockList<ResnetBlock2D>> resnets_;
};

/// DownEncoderBlock2D and UpDecoderBlock2D: resnets, then downsamplers.0 or upsamplers.0, or neither.
class AutoencoderBlock : public torch::nn::Module {
 public:
  enum class Resample { kNone, kDown, kUp };
  AutoencoderBlock(int64_t in_channels, int64_t out_channels, int64_t layers, int64_t groups, Resample resample);
  torch::Tensor forward(torch::Tensor x);

 private:
  std::shared_ptr<BlockList<ResnetBlock2D>> resnets_;
  std::shared_ptr<BlockList<Downsample2D>> downsamplers_;
  std::shared_ptr<BlockList<Upsample2D>> upsamplers_;
};

}  // namespace defound
