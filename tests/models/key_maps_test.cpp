#include "defound/models/key_maps.h"

#include <gtest/gtest.h>

#include "../support/expect_error.h"
#include "../support/temp_folder.h"
#include "../support/tensors.h"
#include "support/weight_lists.h"
#include "defound/nn/pos_embed.h"
#include "defound/tensor/load_weights.h"
#include "defound/tensor/pth.h"
#include "defound/tensor/weights_reader.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::relative_error;

VitConfig small_vit(int64_t img_size = 16, const std::string& global_pool = "avg") {
  VitConfig config;
  config.img_size = img_size, config.patch_size = 4, config.embed_dim = 24, config.depth = 2, config.num_heads = 3, config.num_classes = 5;
  config.global_pool = global_pool;
  return config;
}

MaeConfig small_mae(int64_t img_size = 16) {
  MaeConfig config;
  config.img_size = img_size, config.patch_size = 4, config.embed_dim = 24, config.depth = 2, config.num_heads = 3;
  config.decoder_embed_dim = 16, config.decoder_depth = 1, config.decoder_num_heads = 2;
  return config;
}

/// Weights of a model drawn anew, apart from it.
template <class Model, class Config>
TensorMap drawn(const Config& config, uint64_t seed) {
  Model model(config);
  model.init_weights(Draws(seed, "init"));
  return state_dict(model);
}

TEST(LoadEncoder, TakesTheEncoderOfAnMaeAndKeepsHeadAndFcNorm) {
  const TensorMap mae = drawn<MaskedAutoencoder>(small_mae(), 1);
  for (const TensorMap& file : {mae, encoder_weights(mae)}) {
    VisionTransformer model(small_vit());
    model.init_weights(Draws(2, "init"));
    const torch::Tensor head = model.head->weight.detach().clone();
    load_encoder(model, file, "mae.safetensors");
    EXPECT_TRUE(model.head->weight.equal(head));
    for (const char* name : {"pos_embed", "cls_token", "patch_embed.proj.weight", "blocks.1.attn.qkv.weight"})
      EXPECT_TRUE(state_dict(model).at(name).equal(mae.at(name))) << name;
  }
}

TEST(LoadEncoder, TakesAnMaeOutOfAPthFile) {
  const testing::TempFolder folder;
  const TensorMap mae = drawn<MaskedAutoencoder>(small_mae(), 1);
  save_pth(folder / "mae.pth", mae);
  VisionTransformer model(small_vit());
  model.init_weights(Draws(2, "init"));
  load_encoder(model, read_weights(folder / "mae.pth").tensors, "mae.pth");
  for (const char* name : {"pos_embed", "cls_token", "blocks.1.attn.qkv.weight"}) EXPECT_TRUE(state_dict(model).at(name).equal(mae.at(name))) << name;
}

TEST(LoadEncoder, GivesTheMaesOwnTokens) {
  MaskedAutoencoder mae(small_mae());
  mae.init_weights(Draws(1, "init"));
  VisionTransformer model(small_vit(16, "token"));
  model.init_weights(Draws(2, "init"));
  load_encoder(model, state_dict(mae), "mae.safetensors");
  const torch::Tensor images = torch::randn({2, 3, 16, 16}), everything = torch::arange(16).expand({2, 16}).contiguous();
  const torch::Tensor patches = images.reshape({2, 3, 4, 4, 4, 4}).permute({0, 2, 4, 3, 5, 1}).reshape({2, 16, 48});
  EXPECT_LT(relative_error(model.forward_features(images), mae.forward_encoder(patches, everything)), 1e-5);
}

TEST(LoadEncoder, NormBecomesFcNormOnlyWhenAsked) {
  TensorMap file = encoder_weights(drawn<MaskedAutoencoder>(small_mae(), 1));
  file["norm.weight"] = torch::full({24}, 3.0);
  VisionTransformer model(small_vit());
  model.init_weights(Draws(2, "init"));
  load_encoder(model, file, "x");
  EXPECT_EQ(model.fc_norm->weight[0].item<float>(), 1);
  load_encoder(model, file, "x", {.norm_to_fc_norm = true});
  EXPECT_EQ(model.fc_norm->weight[0].item<float>(), 3);
}

TEST(LoadEncoder, TakesAClassifiersHeadWhenAsked) {
  const TensorMap file = drawn<VisionTransformer>(small_vit(), 3);
  VisionTransformer model(small_vit());
  model.init_weights(Draws(2, "init"));
  load_encoder(model, file, "vit.safetensors");
  EXPECT_FALSE(model.head->weight.equal(file.at("head.weight")));
  EXPECT_TRUE(model.fc_norm->weight.equal(file.at("fc_norm.weight")));
  load_encoder(model, file, "vit.safetensors", {.take_head = true});
  EXPECT_TRUE(model.head->weight.equal(file.at("head.weight")));
  VitConfig other = small_vit();
  other.num_classes = 7;
  VisionTransformer wider(other);
  wider.init_weights(Draws(2, "init"));
  load_encoder(wider, file, "vit.safetensors");
  expect_error(ExitCode::kUsage, "number of classes: the file holds a head of 5, the data has 7", [&] { load_encoder(wider, file, "vit.safetensors", {.take_head = true}); });
  expect_error(ExitCode::kUsage, "no classification head", [&] { load_encoder(model, drawn<MaskedAutoencoder>(small_mae(), 1), "mae", {.take_head = true}); });
}

TEST(LoadEncoder, InterpolatesPositionsToAnotherImageSize) {
  const TensorMap mae = drawn<MaskedAutoencoder>(small_mae(16), 1);
  VisionTransformer model(small_vit(24));
  model.init_weights(Draws(2, "init"));
  load_encoder(model, mae, "mae.safetensors");
  EXPECT_TRUE(model.pos_embed.equal(interpolate_pos_embed(mae.at("pos_embed"), 6)));
}

TEST(LoadEncoder, RefusesAnotherModel) {
  VisionTransformer model(small_vit());
  model.init_weights(Draws(2, "init"));
  TensorMap file = drawn<MaskedAutoencoder>(small_mae(), 1);
  file.erase("blocks.1.attn.proj.bias");
  expect_error(ExitCode::kUsage, "blocks.1.attn.proj.bias", [&] { load_encoder(model, file, "bad.safetensors"); });
  MaeConfig wider = small_mae();
  wider.embed_dim = 36;
  expect_error(ExitCode::kUsage, "another size", [&] { load_encoder(model, drawn<MaskedAutoencoder>(wider, 1), "bad.safetensors"); });
  expect_error(ExitCode::kUsage, "bad.safetensors", [&] { load_encoder(model, {{"x", torch::ones({1})}}, "bad.safetensors"); });
}

TEST(LoadEncoder, SaysWhatAFileOfAnotherKindIs) {
  VisionTransformer model(small_vit());
  model.init_weights(Draws(2, "init"));
  const auto refuse = [&](const std::string& part, const TensorMap& file) { expect_error(ExitCode::kUsage, part, [&] { load_encoder(model, file, "some.pth"); }); };
  refuse("DINOv2 ViT-L/14 encoder", testing::listed_weights("retfound_dinov2"));
  refuse("layer scale", testing::listed_weights("timm_dinov2_registers"));
  refuse("diffusers UNet, SD 1.x", testing::listed_weights("unet_sd1"));
  refuse("defound-weights convert --to mae", testing::listed_weights("vit_mae_large_transformers"));
  refuse("begin with 'module.'", testing::with_prefix(drawn<VisionTransformer>(small_vit(), 1), "module."));
  refuse("width is 1024 in the file, 24 in the model", testing::listed_weights("mae_vit_large_encoder"));
}

TEST(LoadMae, ContinuesFromAWholeFileOnly) {
  const TensorMap file = drawn<MaskedAutoencoder>(small_mae(), 1);
  MaskedAutoencoder model(small_mae());
  model.init_weights(Draws(2, "init"));
  load_mae(model, file, "mae.safetensors");
  for (const auto& [name, tensor] : state_dict(model)) EXPECT_TRUE(tensor.equal(file.at(name))) << name;
  expect_error(ExitCode::kUsage, "holds no decoder", [&] { load_mae(model, encoder_weights(file), "encoder.safetensors"); });
  TensorMap torn = file;
  torn.erase("decoder_pred.bias");
  expect_error(ExitCode::kUsage, "decoder_pred.bias", [&] { load_mae(model, torn, "torn.safetensors"); });
}

TEST(LoadMae, StartsANewDecoderWhenAsked) {
  const TensorMap file = encoder_weights(drawn<MaskedAutoencoder>(small_mae(), 1));
  MaskedAutoencoder model(small_mae());
  model.init_weights(Draws(2, "init"));
  const torch::Tensor decoder = model.decoder_pred->weight.detach().clone();
  load_mae(model, file, "encoder.safetensors", true);
  EXPECT_TRUE(model.decoder_pred->weight.equal(decoder));
  EXPECT_TRUE(state_dict(model).at("norm.weight").equal(file.at("norm.weight")));
}

TEST(LoadMae, SaysWhatAFileOfAnotherKindIs) {
  MaskedAutoencoder model(small_mae());
  model.init_weights(Draws(2, "init"));
  const auto refuse = [&](const std::string& part, const TensorMap& file) { expect_error(ExitCode::kUsage, part, [&] { load_mae(model, file, "some.pth", true); }); };
  refuse("--to mae --global_pool token", drawn<VisionTransformer>(small_vit(), 1));
  refuse("DINOv2", testing::listed_weights("retfound_dinov2"));
  refuse("diffusers AutoencoderKL", testing::listed_weights("autoencoder_kl"));
  refuse("a model of another size: ", testing::listed_weights("mae_vit_large_full"));
  MaeConfig deeper = small_mae();
  deeper.decoder_depth = 2;
  refuse("decoder_depth is 2 in the file, 1 in the model", drawn<MaskedAutoencoder>(deeper, 1));
}

TEST(LoadMae, KeepsItsOwnTablesForAnotherImageSize) {
  const TensorMap file = drawn<MaskedAutoencoder>(small_mae(16), 1);
  MaskedAutoencoder model(small_mae(24));
  model.init_weights(Draws(2, "init"));
  const torch::Tensor table = model.pos_embed.clone();
  load_mae(model, file, "mae.safetensors");
  EXPECT_TRUE(model.pos_embed.equal(table));
  EXPECT_TRUE(model.decoder_pred->weight.equal(file.at("decoder_pred.weight")));
}

}  // namespace
}  // namespace defound
