#include "defound/models/unet_2d_condition.h"

#include "defound/config/diffusers_config.h"

namespace defound {
namespace {

/// Options of block i, counted from the way in; up blocks turn the order round.
UNetBlockOptions block_options(const UNet2DConditionConfig& c, size_t i) {
  const size_t n = c.block_out_channels.size();
  UNetBlockOptions options;
  options.resnet = {.time_channels = 4 * c.block_out_channels[0], .groups = c.norm_num_groups, .eps = c.norm_eps};
  options.resnet.out_channels = c.block_out_channels[i];
  options.transformer = {.heads = per_block(c.attention_head_dim, n, "attention_head_dim")[i],
                         .layers = per_block(c.transformer_layers_per_block, n, "transformer_layers_per_block")[i],
                         .cross_attention_dim = c.cross_attention_dim,
                         .groups = c.norm_num_groups,
                         .use_linear_projection = c.use_linear_projection};
  options.layers = per_block(c.layers_per_block, n, "layers_per_block")[i];
  options.downsample_padding = c.downsample_padding;
  return options;
}

UNetBlockOptions down_options(const UNet2DConditionConfig& c, size_t i) {
  UNetBlockOptions options = block_options(c, i);
  options.resnet.in_channels = c.block_out_channels[i == 0 ? 0 : i - 1];
  options.cross_attention = c.down_block_types[i] == "CrossAttnDownBlock2D";
  options.resample = i + 1 < c.block_out_channels.size();
  return options;
}

UNetBlockOptions mid_options(const UNet2DConditionConfig& c) {
  UNetBlockOptions options = block_options(c, c.block_out_channels.size() - 1);
  options.resnet.output_scale_factor = c.mid_block_scale_factor;
  return options;
}

UNetBlockOptions up_options(const UNet2DConditionConfig& c, size_t i) {
  const size_t n = c.block_out_channels.size(), level = n - 1 - i;
  UNetBlockOptions options = block_options(c, level);
  options.resnet.in_channels = c.block_out_channels[std::min(level + 1, n - 1)];
  options.skip_channels = c.block_out_channels[level == 0 ? 0 : level - 1];
  options.layers += 1;
  options.cross_attention = c.up_block_types[i] == "CrossAttnUpBlock2D";
  options.resample = level > 0;
  return options;
}

const UNet2DConditionConfig& checked(const UNet2DConditionConfig& config) {
  check_unet_config(config);
  return config;
}

}  // namespace

UNet2DConditionModel::UNet2DConditionModel(const UNet2DConditionConfig& config)
    : config_(checked(config)),
      conv_in_(register_module("conv_in", std::make_shared<Conv2d>(config.in_channels, config.block_out_channels[0], 3, 1, 1))),
      time_embedding_(register_module("time_embedding", std::make_shared<TimestepEmbedding>(config.block_out_channels[0], 4 * config.block_out_channels[0]))),
      down_blocks_(register_module("down_blocks", std::make_shared<BlockList<UNetDownBlock>>())),
      up_blocks_(register_module("up_blocks", std::make_shared<BlockList<UNetUpBlock>>())) {
  const size_t n = config.block_out_channels.size();
  for (size_t i = 0; i < n; ++i) down_blocks_->add(down_options(config, i));
  mid_block_ = register_module("mid_block", std::make_shared<UNetMidBlock>(mid_options(config)));
  for (size_t i = 0; i < n; ++i) up_blocks_->add(up_options(config, i));
  conv_norm_out_ = register_module("conv_norm_out", std::make_shared<GroupNorm>(config.norm_num_groups, config.block_out_channels[0], config.norm_eps));
  conv_out_ = register_module("conv_out", std::make_shared<Conv2d>(config.block_out_channels[0], config.out_channels, 3, 1, 1));
}

void UNet2DConditionModel::set_gradient_checkpointing(bool on) {
  for (const auto& block : *down_blocks_) block->recompute = on;
  mid_block_->recompute = on;
  for (const auto& block : *up_blocks_) block->recompute = on;
}

torch::Tensor UNet2DConditionModel::forward(const torch::Tensor& sample, const torch::Tensor& timesteps, const torch::Tensor& context) {
  const torch::Tensor sinusoids =
      sinusoid_embedding(timesteps.expand(sample.size(0)), config_.block_out_channels[0], config_.flip_sin_to_cos, config_.freq_shift);
  const torch::Tensor time = torch::silu(time_embedding_->forward(sinusoids.to(dtype())));  // [N, 4 C0]; every resnet activates it
  const torch::Tensor tokens = context.to(dtype());
  const torch::Tensor input = sample.to(dtype());
  torch::Tensor x = conv_in_->forward(config_.center_input_sample ? 2 * input - 1 : input);  // [N, C0, H, W]
  std::vector<torch::Tensor> skips{x};
  for (const auto& block : *down_blocks_) x = block->forward(x, time, tokens, skips);
  x = mid_block_->forward(x, time, tokens);
  for (const auto& block : *up_blocks_) x = block->forward(x, time, tokens, skips);
  return conv_out_->forward(torch::silu(conv_norm_out_->forward(x)));
}

}  // namespace defound
