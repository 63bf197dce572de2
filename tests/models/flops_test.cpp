#include "defound/models/flops.h"

#include <gtest/gtest.h>

namespace defound {
namespace {

// RECIPE: figures per image in GFLOP, forward and backward = 3 x forward.
TEST(Flops, VisionTransformerLarge) { EXPECT_NEAR(3 * vit_flops({1024, 24, 16, 197}, 16) / 1e9, 369, 1); }

TEST(Flops, MaskedAutoencoderLarge) { EXPECT_NEAR(3 * mae_flops({1024, 24, 16, 50}, {512, 8, 16, 197}, 16) / 1e9, 124.5, 0.2); }

TEST(Flops, StableDiffusionUNet) {
  UNet2DConditionConfig config;
  config.cross_attention_dim = 768;
  EXPECT_NEAR(unet_flops(config, 64, 77) / 1e9, 803, 8);
}

TEST(Flops, StableDiffusionFrozenParts) {
  AutoencoderKLConfig config;
  config.block_out_channels = {128, 256, 512, 512}, config.layers_per_block = 2;
  EXPECT_NEAR(autoencoder_encode_flops(config, 512) / 1e9, 1117, 11);
}

}  // namespace
}  // namespace defound
