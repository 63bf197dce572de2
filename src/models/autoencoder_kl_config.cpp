#include "defound/models/autoencoder_kl_config.h"

#include <algorithm>

#include "defound/core/error.h"
#include "defound/config/diffusers_config.h"

namespace defound {

void AutoencoderKLConfig::visit(Visitor& v) {
  v(field("in_channels", "image channels").range(1, 1 << 16), in_channels);
  v(field("out_channels", "image channels").range(1, 1 << 16), out_channels);
  v(field("down_block_types", "encoder blocks"), down_block_types);
  v(field("up_block_types", "decoder blocks"), up_block_types);
  v(field("block_out_channels", "channels of each block"), block_out_channels);
  v(field("layers_per_block", "residual blocks; one more in the decoder").range(1, 1000), layers_per_block);
  v(field("latent_channels", "latent channels").range(1, 1 << 16), latent_channels);
  v(field("norm_num_groups", "groups of the group norms").range(1, 1 << 16), norm_num_groups);
  v(field("sample_size", "side of the images").range(1, 1 << 16), sample_size);
  v(field("scaling_factor", "latents are multiplied by this").range(1e-9, 1e9), scaling_factor);
  v(field("use_quant_conv", "1x1 convolution after the encoder"), use_quant_conv);
  v(field("use_post_quant_conv", "1x1 convolution before the decoder"), use_post_quant_conv);
  v(field("mid_block_add_attention", "attention in the middle"), mid_block_add_attention);
}

AutoencoderKLConfig autoencoder_config_from_json(const Json& values, const std::string& origin) {
  AutoencoderKLConfig config;
  read_diffusers_config(config, values, "AutoencoderKL",
                        {{"act_fn", {"silu", "swish"}}, {"shift_factor", {nullptr}}, {"latents_mean", {nullptr}}, {"latents_std", {nullptr}}}, origin);
  const size_t n = config.block_out_channels.size();
  if (n == 0 || config.down_block_types.size() != n || config.up_block_types.size() != n)
    reject("{}: block_out_channels, down_block_types and up_block_types must be equally many and not empty", origin);
  if (*std::min_element(config.block_out_channels.begin(), config.block_out_channels.end()) < 1) reject("{}: block_out_channels must be positive", origin);
  for (const std::string& type : config.down_block_types)
    if (type != "DownEncoderBlock2D") reject("{}: down_block_types: {} is not supported; use DownEncoderBlock2D", origin, type);
  for (const std::string& type : config.up_block_types)
    if (type != "UpDecoderBlock2D") reject("{}: up_block_types: {} is not supported; use UpDecoderBlock2D", origin, type);
  return config;
}

Json autoencoder_config_to_json(AutoencoderKLConfig config) { return write_diffusers_config(config, "AutoencoderKL"); }

}  // namespace defound
