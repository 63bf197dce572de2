#pragma once
#include <cstdint>

#include "defound/models/autoencoder_kl_config.h"
#include "defound/models/unet_2d_condition_config.h"

namespace defound {

/// Sizes of a stack of transformer blocks.
struct TransformerSize {
  int64_t width = 0, depth = 0, heads = 0, tokens = 0;
  double mlp_ratio = 4;
};

/// Floating-point operations of one forward pass of one image; a multiply-add counts as 2. Products and convolutions
/// only. Forward and backward together are three times as much.
double transformer_flops(const TransformerSize& size);
/// A vision transformer without its head. `tokens` includes the class token; patches are tokens - 1.
double vit_flops(const TransformerSize& encoder, int64_t patch_size, int64_t in_chans = 3);
/// A masked autoencoder: `encoder.tokens` are those kept plus one, `decoder.tokens` all plus one.
double mae_flops(const TransformerSize& encoder, const TransformerSize& decoder, int64_t patch_size, int64_t in_chans = 3);
/// A call of the UNet at `side` x `side` with `context_tokens` tokens of condition.
double unet_flops(const UNet2DConditionConfig& config, int64_t side, int64_t context_tokens);
/// The autoencoder's encoder on an image of `side` x `side` pixels.
double autoencoder_encode_flops(const AutoencoderKLConfig& config, int64_t side);

/// Bytes that a backward pass keeps of one image's blocks, element size `bytes` (Korthikanti et al. 2022, section 4.1:
/// tokens x width x (17 + 2.5 x heads x tokens / width) elements a block).
double transformer_activation_bytes(const TransformerSize& size, int64_t bytes);

}  // namespace defound
