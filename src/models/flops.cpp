#include "defound/models/flops.h"

namespace defound {
namespace {

double convolution(double side, int64_t in, int64_t out, double kernel = 3) { return 2 * side * side * kernel * kernel * in * out; }

/// diffusers' ResnetBlock2D: two convolutions, the time projection, a shortcut where the channels change.
double resnet(double side, int64_t in, int64_t out, int64_t time) {
  return convolution(side, in, out) + convolution(side, out, out) + 2.0 * time * out + (in == out ? 0 : convolution(side, in, out, 1));
}

/// Transformer2DModel: projections in and out, then blocks of self-attention, attention to the condition, GEGLU.
double spatial_transformer(double side, int64_t width, int64_t layers, int64_t context_width, int64_t context_tokens) {
  const double tokens = side * side, w = width;
  const double self = 2 * (4 * tokens * w * w + 2 * tokens * tokens * w);
  const double cross = 2 * (2 * tokens * w * w + 2.0 * context_tokens * context_width * w + 2 * tokens * context_tokens * w);
  const double feed_forward = 2 * (tokens * w * 8 * w + tokens * 4 * w * w);
  return 2 * 2 * tokens * w * w + layers * (self + cross + feed_forward);
}

int64_t value_of(const std::vector<int64_t>& values, size_t i) { return values.size() == 1 ? values[0] : values[i]; }

/// The counters of one UNet: what every block needs to know.
struct UNetCount {
  const UNet2DConditionConfig& config;
  int64_t time, context_tokens;
  double attention(const std::string& type, size_t block, double side, int64_t width) const {
    if (!type.starts_with("CrossAttn")) return 0;
    return spatial_transformer(side, width, value_of(config.transformer_layers_per_block, block), config.cross_attention_dim, context_tokens);
  }
};

}  // namespace

double transformer_flops(const TransformerSize& size) {
  const double t = size.tokens, d = size.width;
  return 2 * size.depth * (4 * t * d * d + 2 * t * t * d + 2 * t * d * d * size.mlp_ratio);
}

double vit_flops(const TransformerSize& encoder, int64_t patch_size, int64_t in_chans) {
  return transformer_flops(encoder) + 2.0 * (encoder.tokens - 1) * patch_size * patch_size * in_chans * encoder.width;
}

double mae_flops(const TransformerSize& encoder, const TransformerSize& decoder, int64_t patch_size, int64_t in_chans) {
  const double pixels = static_cast<double>(patch_size * patch_size * in_chans), all = decoder.tokens;
  const double ends = (all - 1) * pixels * encoder.width + encoder.tokens * encoder.width * decoder.width + all * decoder.width * pixels;
  return transformer_flops(encoder) + transformer_flops(decoder) + 2 * ends;
}

double unet_flops(const UNet2DConditionConfig& config, int64_t side, int64_t context_tokens) {
  const auto& channels = config.block_out_channels;
  const UNetCount count{config, channels[0] * 4, context_tokens};
  double at = static_cast<double>(side), total = convolution(at, config.in_channels, channels[0]) + 2.0 * 5 * channels[0] * count.time;
  std::vector<int64_t> skips{channels[0]};
  int64_t width = channels[0];
  for (size_t block = 0; block < channels.size(); ++block) {
    for (int64_t layer = 0; layer < value_of(config.layers_per_block, block); ++layer) {
      total += resnet(at, width, channels[block], count.time) + count.attention(config.down_block_types[block], block, at, channels[block]);
      skips.push_back(width = channels[block]);
    }
    if (block + 1 < channels.size()) total += convolution(at /= 2, width, width), skips.push_back(width);
  }
  total += 2 * resnet(at, width, width, count.time) + count.attention("CrossAttn", channels.size() - 1, at, width);
  for (size_t up = 0; up < channels.size(); ++up) {
    const size_t block = channels.size() - 1 - up;
    for (int64_t layer = 0; layer <= value_of(config.layers_per_block, block); ++layer) {
      total += resnet(at, width + skips.back(), channels[block], count.time) + count.attention(config.up_block_types[up], block, at, channels[block]);
      skips.pop_back();
      width = channels[block];
    }
    if (up + 1 < channels.size()) at *= 2, total += convolution(at, width, width);
  }
  return total + convolution(at, width, config.out_channels);
}

double autoencoder_encode_flops(const AutoencoderKLConfig& config, int64_t side) {
  const auto& channels = config.block_out_channels;
  double at = static_cast<double>(side), total = convolution(at, config.in_channels, channels[0]);
  int64_t width = channels[0];
  for (size_t block = 0; block < channels.size(); ++block) {
    for (int64_t layer = 0; layer < config.layers_per_block; ++layer) {
      total += resnet(at, width, channels[block], 0);
      width = channels[block];
    }
    if (block + 1 < channels.size()) total += convolution(at /= 2, width, width);
  }
  const double tokens = at * at, w = static_cast<double>(width);
  if (config.mid_block_add_attention) total += 2 * (4 * tokens * w * w + 2 * tokens * tokens * w);
  total += 2 * resnet(at, width, width, 0) + convolution(at, width, 2 * config.latent_channels);
  return total + (config.use_quant_conv ? convolution(at, 2 * config.latent_channels, 2 * config.latent_channels, 1) : 0);
}

double transformer_activation_bytes(const TransformerSize& size, int64_t bytes) {
  const double t = size.tokens, d = size.width;
  return static_cast<double>(size.depth * bytes) * t * d * (17 + 2.5 * static_cast<double>(size.heads) * t / d);
}

}  // namespace defound
