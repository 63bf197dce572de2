#include "defound/models/unet_2d_condition_config.h"

#include "defound/core/error.h"
#include "defound/config/diffusers_config.h"

namespace defound {
namespace {

const SupportedValues& supported_values() {
  static const SupportedValues values = {
      {"mid_block_type", {"UNetMidBlock2DCrossAttn"}},
      {"act_fn", {"silu", "swish"}},
      {"only_cross_attention", {false}},
      {"dual_cross_attention", {false}},
      {"class_embed_type", {nullptr}},
      {"num_class_embeds", {nullptr}},
      {"addition_embed_type", {nullptr}},
      {"addition_time_embed_dim", {nullptr}},
      {"encoder_hid_dim", {nullptr}},
      {"encoder_hid_dim_type", {nullptr}},
      {"num_attention_heads", {nullptr}},
      {"reverse_transformer_layers_per_block", {nullptr}},
      {"resnet_time_scale_shift", {"default"}},
      {"resnet_skip_time_act", {false}},
      {"resnet_out_scale_factor", {1, 1.0}},
      {"time_embedding_type", {"positional"}},
      {"time_embedding_dim", {nullptr}},
      {"time_embedding_act_fn", {nullptr}},
      {"timestep_post_act", {nullptr}},
      {"time_cond_proj_dim", {nullptr}},
      {"conv_in_kernel", {3}},
      {"conv_out_kernel", {3}},
      {"projection_class_embeddings_input_dim", {nullptr}},
      {"attention_type", {"default"}},
      {"class_embeddings_concat", {false}},
      {"mid_block_only_cross_attention", {nullptr, false}},
      {"cross_attention_norm", {nullptr}},
      {"dropout", {0, 0.0}},
  };
  return values;
}

}  // namespace

void UNet2DConditionConfig::visit(Visitor& v) {
  v(field("sample_size", "side of the latents").range(1, 1 << 16), sample_size);
  v(field("in_channels", "channels of the noisy latents").range(1, 1 << 16), in_channels);
  v(field("out_channels", "channels of the prediction").range(1, 1 << 16), out_channels);
  v(field("center_input_sample", "the input is in [0, 1] and moved to [-1, 1]"), center_input_sample);
  v(field("flip_sin_to_cos", "cosines first in the time embedding"), flip_sin_to_cos);
  v(field("freq_shift", "taken from the number of frequencies").range(-1e6, 1e6), freq_shift);
  v(field("down_block_types", "blocks on the way down"), down_block_types);
  v(field("up_block_types", "blocks on the way up"), up_block_types);
  v(field("block_out_channels", "channels of each block"), block_out_channels);
  v(field("layers_per_block", "residual blocks on the way down; one more on the way up"), layers_per_block);
  v(field("downsample_padding", "padding of the strided convolution").range(0, 1), downsample_padding);
  v(field("mid_block_scale_factor", "the middle's residual sums are divided by this").range(1e-6, 1e6), mid_block_scale_factor);
  v(field("norm_num_groups", "groups of the group norms").range(1, 1 << 16), norm_num_groups);
  v(field("norm_eps", "added to the variance in the residual blocks").range(0, 1), norm_eps);
  v(field("cross_attention_dim", "width of the condition's tokens").range(1, 1 << 16), cross_attention_dim);
  v(field("transformer_layers_per_block", "transformer blocks after each residual block"), transformer_layers_per_block);
  v(field("attention_head_dim", "number of attention heads (sic)"), attention_head_dim);
  v(field("use_linear_projection", "linear layers instead of 1x1 convolutions around the transformers"), use_linear_projection);
}

void check_unet_config(const UNet2DConditionConfig& config) {
  const size_t n = config.block_out_channels.size();
  if (n == 0) reject("block_out_channels is empty");
  if (config.down_block_types.size() != n || config.up_block_types.size() != n)
    reject("block_out_channels has {} values, down_block_types {} and up_block_types {}: they must be equally many", n,
           config.down_block_types.size(), config.up_block_types.size());
  for (const std::string& type : config.down_block_types)
    if (type != "DownBlock2D" && type != "CrossAttnDownBlock2D") reject("down_block_types: {} is not supported; use DownBlock2D or CrossAttnDownBlock2D", type);
  for (const std::string& type : config.up_block_types)
    if (type != "UpBlock2D" && type != "CrossAttnUpBlock2D") reject("up_block_types: {} is not supported; use UpBlock2D or CrossAttnUpBlock2D", type);
  const std::vector<int64_t> heads = per_block(config.attention_head_dim, n, "attention_head_dim");
  for (const auto& [key, values] : {std::pair{"layers_per_block", config.layers_per_block}, {"transformer_layers_per_block", config.transformer_layers_per_block}})
    for (const int64_t value : per_block(values, n, key))
      if (value < 1) reject("{} must be at least 1, not {}", key, value);
  for (size_t i = 0; i < n; ++i) {
    if (config.block_out_channels[i] < 1) reject("block_out_channels must be positive, not {}", config.block_out_channels[i]);
    if (heads[i] < 1 || config.block_out_channels[i] % heads[i] != 0)
      reject("attention_head_dim is {} (the number of heads) but must divide block_out_channels {}", heads[i], config.block_out_channels[i]);
  }
}

UNet2DConditionConfig unet_config_from_json(const Json& values, const std::string& origin) {
  UNet2DConditionConfig config;
  read_diffusers_config(config, values, "UNet2DConditionModel", supported_values(), origin);
  check_unet_config(config);
  return config;
}

Json unet_config_to_json(UNet2DConditionConfig config) {
  return write_diffusers_config(config, "UNet2DConditionModel", {"layers_per_block", "transformer_layers_per_block", "attention_head_dim"});
}

}  // namespace defound
