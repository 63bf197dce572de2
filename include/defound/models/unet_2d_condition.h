#pragma once
#include <torch/torch.h>

#include "defound/models/unet_2d_condition_config.h"
#include "defound/models/unet_blocks.h"
#include "defound/nn/timestep_embedding.h"

namespace defound {

/// The denoiser of Stable Diffusion (Rombach et al., CVPR 2022) with the modules and keys of diffusers'
/// UNet2DConditionModel, so that either loads the other's weights.
class UNet2DConditionModel : public torch::nn::Module {
 public:
  /// Parameters are not drawn: load them, or initialize(). Rejects (exit 2) a config that does not fit together.
  explicit UNet2DConditionModel(const UNet2DConditionConfig& config);

  /// sample [N, in_channels, H, W] noisy latents; timesteps [N] or [1], whole or not; context [N, M, cross_attention_dim]
  /// -> [N, out_channels, H, W], the prediction. Computes in the type of the parameters; any H and W. The memory layout
  /// follows the sample's: channels-last is the fast one.
  torch::Tensor forward(const torch::Tensor& sample, const torch::Tensor& timesteps, const torch::Tensor& context);

  /// Whether training keeps only what goes into each resnet and transformer, and computes the rest again in the backward
  /// pass (nn/checkpointed.h): less memory for about a third more work. Off at first.
  void set_gradient_checkpointing(bool on);

  const UNet2DConditionConfig& config() const { return config_; }
  torch::Dtype dtype() const { return conv_in_->weight.scalar_type(); }
  torch::Device device() const { return conv_in_->weight.device(); }

 private:
  UNet2DConditionConfig config_;
  std::shared_ptr<Conv2d> conv_in_;
  std::shared_ptr<TimestepEmbedding> time_embedding_;
  std::shared_ptr<BlockList<UNetDownBlock>> down_blocks_;
  std::shared_ptr<BlockList<UNetUpBlock>> up_blocks_;
  std::shared_ptr<UNetMidBlock> mid_block_;
  std::shared_ptr<GroupNorm> conv_norm_out_;
  std::shared_ptr<Conv2d> conv_out_;
};

}  // namespace defound
