#pragma once
#include <torch/torch.h>

#include "defound/models/autoencoder_blocks.h"
#include "defound/models/autoencoder_kl_config.h"
#include "defound/tensor/safetensors.h"

namespace defound {

/// Images to a Gaussian over latents (diffusers models/autoencoders/vae.py Encoder).
class AutoencoderEncoder : public torch::nn::Module {
 public:
  explicit AutoencoderEncoder(const AutoencoderKLConfig& config);
  torch::Tensor forward(const torch::Tensor& images);

 private:
  std::shared_ptr<Conv2d> conv_in_;
  std::shared_ptr<BlockList<AutoencoderBlock>> down_blocks_;
  std::shared_ptr<AutoencoderMidBlock> mid_block_;
  std::shared_ptr<GroupNorm> conv_norm_out_;
  std::shared_ptr<Conv2d> conv_out_;
};

/// Latents to images (diffusers models/autoencoders/vae.py Decoder).
class AutoencoderDecoder : public torch::nn::Module {
 public:
  explicit AutoencoderDecoder(const AutoencoderKLConfig& config);
  torch::Tensor forward(const torch::Tensor& latents);

 private:
  std::shared_ptr<Conv2d> conv_in_;
  std::shared_ptr<BlockList<AutoencoderBlock>> up_blocks_;
  std::shared_ptr<AutoencoderMidBlock> mid_block_;
  std::shared_ptr<GroupNorm> conv_norm_out_;
  std::shared_ptr<Conv2d> conv_out_;
};

/// A Gaussian over latents: mean and log variance, [N, latent_channels, H/f, W/f] each.
struct LatentGaussian {
  torch::Tensor mean, logvar;
  /// The latents that standard normal `noise` of the same shape stands for.
  torch::Tensor sample(const torch::Tensor& noise) const { return mean + (0.5 * logvar).exp() * noise; }
};

/// The autoencoder of Stable Diffusion (Rombach et al., CVPR 2022) with the keys of diffusers' AutoencoderKL.
class AutoencoderKL : public torch::nn::Module {
 public:
  /// Parameters are not drawn: load them, or initialize(). Rejects (exit 2) a config that does not fit together.
  explicit AutoencoderKL(const AutoencoderKLConfig& config);
  /// images [N, in_channels, H, W] in [-1, 1]; not yet multiplied by scaling_factor.
  LatentGaussian encode(const torch::Tensor& images);
  /// latents [N, latent_channels, h, w], already divided by scaling_factor -> images [N, out_channels, H, W] about [-1, 1].
  torch::Tensor decode(const torch::Tensor& latents);

  const AutoencoderKLConfig& config() const { return config_; }
  /// Image pixels a side of a latent pixel: 8 for Stable Diffusion.
  int64_t reduction() const { return int64_t{1} << (config_.block_out_channels.size() - 1); }

 private:
  AutoencoderKLConfig config_;
  std::shared_ptr<AutoencoderEncoder> encoder_;
  std::shared_ptr<AutoencoderDecoder> decoder_;
  std::shared_ptr<Conv2d> quant_conv_, post_quant_conv_;  // null when the config leaves them out
};

/// Renames the attention keys of files from before 2023 (query, key, value, proj_attn) to today's; other keys stay.
TensorMap rename_old_attention_keys(const TensorMap& weights);

}  // namespace defound
