#pragma once
#include <torch/torch.h>

#include <memory>
#include <vector>

#include "defound/models/resnet_block_2d.h"
#include "defound/models/transformer_2d.h"
#include "defound/nn/block_list.h"

namespace defound {

/// What the UNet's blocks (diffusers models/unets/unet_2d_blocks.py) are made of.
struct UNetBlockOptions {
  ResnetBlockOptions resnet;           ///< in_channels: of the block's input; out_channels: of the block
  Transformer2DOptions transformer;    ///< channels are set from the resnet's
  bool cross_attention = false;        ///< a transformer after each resnet
  int64_t layers = 1;
  bool resample = true;                ///< all but the last block halve, or double, the side
  int64_t downsample_padding = 1;
  int64_t skip_channels = 0;           ///< up blocks: channels of the last skip connection
};

/// What all three blocks have. With `recompute` each resnet and each transformer is checkpointed() in training.
struct UNetBlock : torch::nn::Module {
  bool recompute = false;
};

/// DownBlock2D and CrossAttnDownBlock2D: resnets, attentions, downsamplers.0.
class UNetDownBlock : public UNetBlock {
 public:
  explicit UNetDownBlock(const UNetBlockOptions& options);
  /// Every intermediate result is appended to `skips`.
  torch::Tensor forward(torch::Tensor x, const torch::Tensor& time, const torch::Tensor& context, std::vector<torch::Tensor>& skips);

 private:
  std::shared_ptr<BlockList<Transformer2D>> attentions_;
  std::shared_ptr<BlockList<ResnetBlock2D>> resnets_;
  std::shared_ptr<BlockList<Downsample2D>> downsamplers_;
};

/// UNetMidBlock2DCrossAttn: resnet, attention, resnet.
class UNetMidBlock : public UNetBlock {
 public:
  explicit UNetMidBlock(const UNetBlockOptions& options);
  torch::Tensor forward(torch::Tensor x, const torch::Tensor& time, const torch::Tensor& context);

 private:
  std::shared_ptr<BlockList<Transformer2D>> attentions_;
  std::shared_ptr<BlockList<ResnetBlock2D>> resnets_;
};

/// UpBlock2D and CrossAttnUpBlock2D: resnets, attentions, upsamplers.0.
class UNetUpBlock : public UNetBlock {
 public:
  explicit UNetUpBlock(const UNetBlockOptions& options);
  /// Each resnet takes the last of `skips`. The result has the size of the skip connection that comes next.
  torch::Tensor forward(torch::Tensor x, const torch::Tensor& time, const torch::Tensor& context, std::vector<torch::Tensor>& skips);

 private:
  std::shared_ptr<BlockList<Transformer2D>> attentions_;
  std::shared_ptr<BlockList<ResnetBlock2D>> resnets_;
  std::shared_ptr<BlockList<Upsample2D>> upsamplers_;
};

}  // namespace defound
