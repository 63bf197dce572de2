#include "defound/models/autoencoder_kl.h"

namespace defound {
namespace {

using Resample = AutoencoderBlock::Resample;

}  // namespace

AutoencoderEncoder::AutoencoderEncoder(const AutoencoderKLConfig& c)
    : conv_in_(register_module("conv_in", std::make_shared<Conv2d>(c.in_channels, c.block_out_channels[0], 3, 1, 1))),
      down_blocks_(register_module("down_blocks", std::make_shared<BlockList<AutoencoderBlock>>())) {
  const size_t n = c.block_out_channels.size();
  for (size_t i = 0; i < n; ++i)
    down_blocks_->add(c.block_out_channels[i == 0 ? 0 : i - 1], c.block_out_channels[i], c.layers_per_block, c.norm_num_groups,
                      i + 1 < n ? Resample::kDown : Resample::kNone);
  const int64_t deepest = c.block_out_channels.back();
  mid_block_ = register_module("mid_block", std::make_shared<AutoencoderMidBlock>(deepest, c.norm_num_groups, c.mid_block_add_attention));
  conv_norm_out_ = register_module("conv_norm_out", std::make_shared<GroupNorm>(c.norm_num_groups, deepest, kAutoencoderNormEps));
  conv_out_ = register_module("conv_out", std::make_shared<Conv2d>(deepest, 2 * c.latent_channels, 3, 1, 1));
}

torch::Tensor AutoencoderEncoder::forward(const torch::Tensor& images) {
  torch::Tensor x = conv_in_->forward(images);
  for (const auto& block : *down_blocks_) x = block->forward(x);
  x = mid_block_->forward(x);
  return conv_out_->forward(torch::silu(conv_norm_out_->forward(x)));  // [N, 2 latent_channels, H/f, W/f]
}

AutoencoderDecoder::AutoencoderDecoder(const AutoencoderKLConfig& c)
    : conv_in_(register_module("conv_in", std::make_shared<Conv2d>(c.latent_channels, c.block_out_channels.back(), 3, 1, 1))),
      up_blocks_(register_module("up_blocks", std::make_shared<BlockList<AutoencoderBlock>>())) {
  const size_t n = c.block_out_channels.size();
  for (size_t i = 0; i < n; ++i) {
    const size_t level = n - 1 - i;
    up_blocks_->add(c.block_out_channels[std::min(level + 1, n - 1)], c.block_out_channels[level], c.layers_per_block + 1, c.norm_num_groups,
                    level > 0 ? Resample::kUp : Resample::kNone);
  }
  mid_block_ = register_module("mid_block", std::make_shared<AutoencoderMidBlock>(c.block_out_channels.back(), c.norm_num_groups, c.mid_block_add_attention));
  conv_norm_out_ = register_module("conv_norm_out", std::make_shared<GroupNorm>(c.norm_num_groups, c.block_out_channels[0], kAutoencoderNormEps));
  conv_out_ = register_module("conv_out", std::make_shared<Conv2d>(c.block_out_channels[0], c.out_channels, 3, 1, 1));
}

torch::Tensor AutoencoderDecoder::forward(const torch::Tensor& latents) {
  torch::Tensor x = mid_block_->forward(conv_in_->forward(latents));
  for (const auto& block : *up_blocks_) x = block->forward(x);
  return conv_out_->forward(torch::silu(conv_norm_out_->forward(x)));  // [N, out_channels, f h, f w]
}

AutoencoderKL::AutoencoderKL(const AutoencoderKLConfig& config)
    : config_(config),
      encoder_(register_module("encoder", std::make_shared<AutoencoderEncoder>(config))),
      decoder_(register_module("decoder", std::make_shared<AutoencoderDecoder>(config))) {
  const int64_t latents = config.latent_channels;
  if (config.use_quant_conv) quant_conv_ = register_module("quant_conv", std::make_shared<Conv2d>(2 * latents, 2 * latents, 1));
  if (config.use_post_quant_conv) post_quant_conv_ = register_module("post_quant_conv", std::make_shared<Conv2d>(latents, latents, 1));
}

LatentGaussian AutoencoderKL::encode(const torch::Tensor& images) {
  torch::Tensor moments = encoder_->forward(images);
  if (quant_conv_) moments = quant_conv_->forward(moments);
  const auto halves = moments.chunk(2, 1);
  return {halves[0], halves[1].clamp(-30.0, 20.0)};
}

torch::Tensor AutoencoderKL::decode(const torch::Tensor& latents) {
  return decoder_->forward(post_quant_conv_ ? post_quant_conv_->forward(latents) : latents);
}

TensorMap rename_old_attention_keys(const TensorMap& weights) {
  const std::vector<std::pair<std::string, std::string>> renames = {
      {".query.", ".to_q."}, {".key.", ".to_k."}, {".value.", ".to_v."}, {".proj_attn.", ".to_out.0."}};
  TensorMap renamed;
  for (const auto& [key, value] : weights) {
    std::string name = key;
    if (name.find(".attentions.") != std::string::npos)
      for (const auto& [old_part, new_part] : renames)
        if (const size_t at = name.find(old_part); at != std::string::npos) name.replace(at, old_part.size(), new_part);
    renamed[name] = value;
  }
  return renamed;
}

}  // namespace defound
